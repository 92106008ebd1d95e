#include "ops/cli/appliance.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "hadal/v1/admin.grpc.pb.h"
#include "ops/cli/connection.h"

namespace hadal::cli {
namespace {

StatusOr<int> BindOnce(const std::string& host, int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus("cannot create a socket for", host);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return InvalidArgument("\"{}\" is no IPv4 address to listen on", host);
  }
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), 1) != 0) {
    return ErrnoStatus("cannot listen on", fmt::format("{}:{}", host, port));
  }
  socklen_t size = sizeof(address);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

StatusOr<UniqueFd> LockAppliance(const std::string& data) {
  RETURN_IF_ERROR(MakeDirectories(data + "/run"));
  const std::string path = data + "/run/up.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return FailedPrecondition(
        "an appliance is already running in {}; 'hadal down --data {}' stops it", data, data);
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0) return ErrnoStatus("cannot truncate", path);
  RETURN_IF_ERROR(WriteAll(fd.get(), pid));
  return fd;
}

std::optional<pid_t> RunningSupervisor(const std::string& data) {
  const std::string path = data + "/run/up.lock";
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;  // nobody holds it
  const StatusOr<std::string> text = ReadFile(path, 64);
  if (!text.ok()) return std::nullopt;
  const long pid = std::strtol(text->c_str(), nullptr, 10);
  if (pid <= 1) return std::nullopt;
  return static_cast<pid_t>(pid);
}

StatusOr<int> FreePort(const std::string& host, int preferred) {
  if (preferred != 0) {
    StatusOr<int> port = BindOnce(host, preferred);
    if (port.ok() || port.status().code() == StatusCode::kInvalidArgument) return port;
  }
  return BindOnce(host, 0);
}

StatusOr<v1::GetStatusResponse> QueryStatus(const Invocation& invocation, absl::Duration timeout) {
  return Call<v1::Admin>(invocation, &v1::Admin::Stub::GetStatus, v1::GetStatusRequest(), timeout);
}

Status AwaitReady(const Invocation& invocation, absl::Time deadline, bool (*alive)(void*),
                  void* context) {
  Status last = Unavailable("not asked yet");
  while (absl::Now() < deadline) {
    if (!alive(context)) return Unavailable("a service ended while starting");
    const StatusOr<v1::GetStatusResponse> status = QueryStatus(invocation, absl::Seconds(2));
    if (status.ok() && status->ready()) return OkStatus();
    if (status.ok()) {
      std::string missing;
      for (const v1::ServiceStatus& service : status->services()) {
        if (!service.ready()) missing += fmt::format(" {} ({})", service.name(), service.detail());
      }
      last = Unavailable("not ready:{}", missing);
    } else {
      last = status.status();
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
  return Annotate(last, "the services did not become ready in time");
}

std::string LogTail(const std::string& data, const std::string& service) {
  const StatusOr<std::string> text = ReadFile(fmt::format("{}/log/{}.log", data, service));
  if (!text.ok()) return "(no log)";
  constexpr size_t kTailBytes = 1500;
  if (text->size() <= kTailBytes) return *text;
  const std::string tail = text->substr(text->size() - kTailBytes);
  const size_t line = tail.find('\n');
  return line == std::string::npos ? tail : tail.substr(line + 1);
}

}  // namespace hadal::cli
