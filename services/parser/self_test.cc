#include "services/parser/self_test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "base/file.h"
#include "base/subprocess.h"
#include "services/parser/sandbox.h"

namespace hadal::parser {
namespace {

constexpr int kSandboxFailed = 255;

struct Attempt {
  const char* what;
  /// 0 when the forbidden thing worked, else the errno.
  std::function<int()> run;
};

int ErrnoIfFailed(long result) { return result < 0 ? errno : 0; }

int OpenFor(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0600);
  return ErrnoIfFailed(fd);
}

std::vector<Attempt> Attempts(pid_t parent) {
  return {
      {"open an internet socket", [] { return ErrnoIfFailed(::socket(AF_INET, SOCK_STREAM, 0)); }},
      {"open a unix socket", [] { return ErrnoIfFailed(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"read /etc/passwd", [] { return OpenFor("/etc/passwd", O_RDONLY); }},
      {"read /proc/1/environ", [] { return OpenFor("/proc/1/environ", O_RDONLY); }},
      {"list the root folder", [] { return OpenFor("/", O_RDONLY | O_DIRECTORY); }},
      {"write a file in /tmp", [] { return OpenFor("/tmp/escape", O_WRONLY | O_CREAT); }},
      {"write a file in the root", [] { return OpenFor("/escape", O_RDWR | O_CREAT); }},
      {"make a folder", [] { return ErrnoIfFailed(::mkdir("/tmp/escape.d", 0700)); }},
      {"remove a file", [] { return ErrnoIfFailed(::unlink("/etc/hostname")); }},
      {"run a shell",
       [] {
         char* const argv[] = {const_cast<char*>("/bin/sh"), const_cast<char*>("-c"),
                               const_cast<char*>("exit 0"), nullptr};
         return ErrnoIfFailed(::execv(argv[0], argv));
       }},
      {"signal the parent", [parent] { return ErrnoIfFailed(::kill(parent, 0)); }},
      {"trace a process", [] { return ErrnoIfFailed(::ptrace(PTRACE_TRACEME, 0, 0, 0)); }},
      {"mount a file system", [] { return ErrnoIfFailed(::mount("x", "/", "tmpfs", 0, nullptr)); }},
      {"enter a namespace", [] { return ErrnoIfFailed(::unshare(CLONE_NEWUSER)); }},
      {"become root", [] { return ErrnoIfFailed(::setuid(0)); }},
      {"lift a limit",
       [] {
         const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
         return ErrnoIfFailed(::setrlimit(RLIMIT_CPU, &limit));
       }},
      {"leave the process group", [] { return ErrnoIfFailed(::setpgid(0, 0)); }},
      {"create a memory file", [] { return ErrnoIfFailed(::memfd_create("escape", 0)); }},
  };
}

/// In the child: exit status 0 when the attempt worked, its errno otherwise.
[[noreturn]] void TryInside(const Attempt& attempt, const SandboxOptions& options) {
  if (!CloseSandbox(options).ok()) ::_exit(kSandboxFailed);
  ::_exit(attempt.run());
}

}  // namespace

StatusOr<std::vector<SelfTestResult>> RunSelfTest(bool allow_programs) {
  SandboxOptions options;
  options.allow_programs = options.allow_recognition = allow_programs;
  std::vector<SelfTestResult> results;
  for (const Attempt& attempt : Attempts(::getpid())) {
    const pid_t pid = ::fork();
    if (pid < 0) return ErrnoStatus("cannot fork for", attempt.what);
    if (pid == 0) TryInside(attempt, options);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    SelfTestResult result{attempt.what, true, ""};
    if (WIFSIGNALED(status)) {
      result.how = "ended by " + DescribeWaitStatus(status);
    } else if (WEXITSTATUS(status) == kSandboxFailed) {
      return Internal("the sandbox cannot be closed; no file can be parsed on this machine");
    } else {
      result.blocked = WEXITSTATUS(status) != 0;
      result.how = result.blocked ? std::strerror(WEXITSTATUS(status)) : "it worked";
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace hadal::parser
