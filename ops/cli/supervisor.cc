#include "ops/cli/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"

namespace hadal::cli {
namespace {

constexpr absl::Duration kQuickDeath = absl::Seconds(10);
constexpr absl::Duration kMaxBackoff = absl::Seconds(10);

}  // namespace

Supervisor::Supervisor(std::string data, std::vector<SupervisedService> services)
    : data_(std::move(data)), services_(std::move(services)) {}

Status Supervisor::Start(SupervisedService& service) {
  RETURN_IF_ERROR(MakeDirectories(data_ + "/log"));
  const std::string log = fmt::format("{}/log/{}.log", data_, service.name);
  UniqueFd log_fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log_fd.valid()) return ErrnoStatus("cannot open", log);
  SubprocessOptions options;
  options.argv = service.argv;
  options.stdout_fd = log_fd.get();
  options.stderr_fd = log_fd.get();
  options.die_with_parent = true;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(options));
  service.process.emplace(std::move(process));
  service.started = absl::Now();
  return OkStatus();
}

Status Supervisor::StartAll() {
  for (SupervisedService& service : services_) RETURN_IF_ERROR(Start(service));
  return OkStatus();
}

bool Supervisor::AllAlive() {
  return std::all_of(services_.begin(), services_.end(), [](SupervisedService& service) {
    return service.process.has_value() && !service.process->Wait(absl::InfinitePast()).has_value();
  });
}

void Supervisor::RestartDead() {
  for (SupervisedService& service : services_) {
    if (service.process.has_value()) {
      const std::optional<int> ended = service.process->Wait(absl::InfinitePast());
      if (!ended.has_value()) continue;
      LogWarning("{} ended: {}; starting it again", service.name, DescribeWaitStatus(*ended));
      service.quick_deaths =
          absl::Now() - service.started < kQuickDeath ? service.quick_deaths + 1 : 0;
      service.process.reset();
    }
    // The first restart is immediate; a service that keeps dying waits 0.5, 1, 2 … 10 s.
    const absl::Duration backoff =
        service.quick_deaths <= 1
            ? absl::ZeroDuration()
            : std::min(kMaxBackoff,
                       absl::Milliseconds(250) * (1 << std::min(service.quick_deaths, 6)));
    if (absl::Now() - service.started < backoff) continue;
    if (const Status status = Start(service); !status.ok()) {
      LogError("cannot start {}: {}", service.name, StatusMessage(status));
      service.started = absl::Now();
      ++service.quick_deaths;
    }
  }
}

void Supervisor::RunUntilSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  const timespec poll{0, 100'000'000};
  while (::sigtimedwait(&set, nullptr, &poll) < 0) RestartDead();
}

void Supervisor::StopAll(absl::Duration grace) {
  const absl::Time deadline = absl::Now() + grace;
  for (auto service = services_.rbegin(); service != services_.rend(); ++service) {
    if (!service->process.has_value()) continue;
    service->process->Signal(SIGTERM);
    if (!service->process->Wait(deadline).has_value()) {
      LogWarning("{} did not stop in time and is killed", service->name);
    }
    service->process.reset();  // kills what still runs
  }
}

}  // namespace hadal::cli
