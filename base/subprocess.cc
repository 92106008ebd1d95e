#include "base/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"

extern char** environ;

namespace hadal {
namespace {

// Only async-signal-safe calls: the parent may have other threads.
[[noreturn]] void ExecChild(const SubprocessOptions& options, char* const* argv, char* const* envp,
                            int null_fd, int error_fd, pid_t parent) {
  if (options.new_session) ::setsid();
  if (options.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(options.stdin_fd >= 0 ? options.stdin_fd : null_fd, 0);
  if (options.stdout_fd >= 0) ::dup2(options.stdout_fd, 1);
  if (options.stderr_fd >= 0) ::dup2(options.stderr_fd, 2);
  ::execvpe(argv[0], argv, envp);
  const int error = errno;
  [[maybe_unused]] ssize_t ignored = ::write(error_fd, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

StatusOr<Subprocess> Subprocess::Start(const SubprocessOptions& options) {
  if (options.argv.empty()) return InvalidArgument("cannot start a process without a program");
  std::vector<char*> argv;
  for (const std::string& arg : options.argv) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (const std::string& entry : options.env) envp.push_back(const_cast<char*>(entry.c_str()));
  for (char** entry = environ; *entry != nullptr; ++entry) envp.push_back(*entry);
  envp.push_back(nullptr);

  UniqueFd null_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int error_pipe[2];
  if (::pipe2(error_pipe, O_CLOEXEC) != 0) return ErrnoStatus("cannot create a pipe for", argv[0]);
  UniqueFd error_read(error_pipe[0]);
  UniqueFd error_write(error_pipe[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus("cannot fork for", argv[0]);
  if (pid == 0) {
    ExecChild(options, argv.data(), envp.data(), null_fd.get(), error_write.get(), parent);
  }
  error_write.Reset();
  Subprocess process(pid);
  int error = 0;
  ssize_t n;
  do {
    n = ::read(error_read.get(), &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(error)) {
    errno = error;
    return ErrnoStatus("cannot execute", options.argv[0]);
  }
  return process;
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      detached_(other.detached_),
      wait_status_(other.wait_status_) {}

Subprocess::~Subprocess() {
  if (pid_ < 0 || detached_ || wait_status_.has_value()) return;
  Signal(SIGKILL);
  Wait();
}

std::optional<int> Subprocess::Wait(absl::Time deadline) {
  const bool forever = deadline == absl::InfiniteFuture();
  while (!wait_status_.has_value()) {
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, forever ? 0 : WNOHANG);
    if (got == pid_) {
      wait_status_ = status;
    } else if (got < 0 && errno != EINTR) {
      wait_status_ = 0x7F00;  // somebody else reaped it: as "exit status 127"
    } else if (!forever) {
      if (absl::Now() >= deadline) return std::nullopt;
      absl::SleepFor(absl::Milliseconds(2));
    }
  }
  return wait_status_;
}

void Subprocess::Signal(int signal_number) {
  if (pid_ > 0 && !wait_status_.has_value()) ::kill(pid_, signal_number);
}

std::string DescribeWaitStatus(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    return fmt::format("signal {} ({})", number, ::strsignal(number));
  }
  return fmt::format("exit status {}", WEXITSTATUS(wait_status));
}

}  // namespace hadal
