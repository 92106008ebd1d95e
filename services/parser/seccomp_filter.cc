#include "services/parser/seccomp_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace hadal::parser {
namespace {

struct FilterDeleter {
  void operator()(void* filter) const { seccomp_release(filter); }
};

/// Memory, time, signals of its own, open descriptors: what any computation takes.
constexpr const char* kAlways[] = {"read",
                                   "readv",
                                   "pread64",
                                   "write",
                                   "writev",
                                   "close",
                                   "lseek",
                                   "fstat",
                                   "newfstatat",
                                   "statx",
                                   "brk",
                                   "mmap",
                                   "munmap",
                                   "mremap",
                                   "mprotect",
                                   "madvise",
                                   "mincore",
                                   "rt_sigaction",
                                   "rt_sigprocmask",
                                   "rt_sigreturn",
                                   "sigaltstack",
                                   "restart_syscall",
                                   "futex",
                                   "sched_yield",
                                   "sched_getaffinity",
                                   "getrandom",
                                   "rseq",
                                   "set_robust_list",
                                   "set_tid_address",
                                   "arch_prctl",
                                   "gettid",
                                   "getpid",
                                   "getppid",
                                   "getuid",
                                   "geteuid",
                                   "getgid",
                                   "getegid",
                                   "getrlimit",
                                   "getrusage",
                                   "times",
                                   "uname",
                                   "sysinfo",
                                   "clock_gettime",
                                   "clock_getres",
                                   "clock_nanosleep",
                                   "nanosleep",
                                   "gettimeofday",
                                   "time",
                                   "poll",
                                   "ppoll",
                                   "exit",
                                   "exit_group",
                                   "membarrier"};

/// Starting the readers of PDF, reading their libraries and talking to them through pipes.
constexpr const char* kPrograms[] = {
    "fork",  "vfork",      "execve", "wait4",     "waitid",     "pipe",     "pipe2",      "dup",
    "dup2",  "dup3",       "access", "faccessat", "faccessat2", "readlink", "readlinkat", "stat",
    "lstat", "getdents64", "getcwd", "fadvise64", "getpgrp",    "select",   "pselect6"};

/// Calls no library of ours makes: an attempt is an attack.
constexpr const char* kKill[] = {"socket",
                                 "socketpair",
                                 "connect",
                                 "bind",
                                 "listen",
                                 "accept",
                                 "accept4",
                                 "sendto",
                                 "sendmsg",
                                 "sendmmsg",
                                 "ptrace",
                                 "process_vm_readv",
                                 "process_vm_writev",
                                 "mount",
                                 "umount2",
                                 "pivot_root",
                                 "chroot",
                                 "unshare",
                                 "setns",
                                 "init_module",
                                 "finit_module",
                                 "delete_module",
                                 "kexec_load",
                                 "kexec_file_load",
                                 "bpf",
                                 "perf_event_open",
                                 "userfaultfd",
                                 "io_uring_setup",
                                 "io_uring_enter",
                                 "io_uring_register",
                                 "keyctl",
                                 "add_key",
                                 "request_key",
                                 "open_by_handle_at",
                                 "fsopen",
                                 "fsmount",
                                 "move_mount",
                                 "open_tree",
                                 "pidfd_getfd",
                                 "reboot",
                                 "swapon",
                                 "setuid",
                                 "setgid",
                                 "setresuid",
                                 "setresgid",
                                 "setreuid",
                                 "setregid",
                                 "setgroups",
                                 "capset"};

class Rules {
 public:
  explicit Rules(scmp_filter_ctx filter) : filter_(filter) {}

  template <typename... Comparisons>
  void Add(uint32_t action, const char* name, Comparisons... comparisons) {
    const int number = seccomp_syscall_resolve_name(name);
    // Names this architecture does not have resolve to negative numbers and need no rule.
    if (number < 0 || error_ != 0) return;
    const scmp_arg_cmp array[] = {comparisons..., scmp_arg_cmp{}};
    error_ = seccomp_rule_add_array(filter_, action, number, sizeof...(comparisons), array);
  }
  int error() const { return error_; }

 private:
  scmp_filter_ctx filter_;
  int error_ = 0;
};

scmp_arg_cmp Equal(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }

scmp_arg_cmp NoneOf(unsigned argument, uint64_t mask) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, 0};
}

void AddRules(Rules& rules, bool allow_programs) {
  for (const char* name : kAlways) rules.Add(SCMP_ACT_ALLOW, name);
  for (const char* name : kKill) rules.Add(SCMP_ACT_KILL_PROCESS, name);
  rules.Add(SCMP_ACT_ALLOW, "fcntl", Equal(1, F_GETFL));
  rules.Add(SCMP_ACT_ALLOW, "fcntl", Equal(1, F_GETFD));
  // Reading limits only: setting them would go through the same call.
  rules.Add(SCMP_ACT_ALLOW, "prlimit64", Equal(2, 0));
  // A second, narrower filter may be put on top.
  rules.Add(SCMP_ACT_ALLOW, "prctl", Equal(0, PR_SET_NO_NEW_PRIVS));
  // glibc falls back from clone3 to clone only when it is told that clone3 does not exist.
  rules.Add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  if (!allow_programs) return;
  for (const char* name : kPrograms) rules.Add(SCMP_ACT_ALLOW, name);
  // Open for reading only; O_TMPFILE contains O_DIRECTORY, which is fine by itself.
  const uint64_t writing =
      O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~static_cast<uint64_t>(O_DIRECTORY));
  rules.Add(SCMP_ACT_ALLOW, "open", NoneOf(1, writing));
  rules.Add(SCMP_ACT_ALLOW, "openat", NoneOf(2, writing));
  // Processes, but no new namespaces: user namespaces open much of the kernel.
  const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                              CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  rules.Add(SCMP_ACT_ALLOW, "clone", NoneOf(0, namespaces));
  rules.Add(SCMP_ACT_ALLOW, "fcntl", Equal(1, F_SETFL));
  rules.Add(SCMP_ACT_ALLOW, "fcntl", Equal(1, F_SETFD));
  rules.Add(SCMP_ACT_ALLOW, "prctl", Equal(0, PR_SET_PDEATHSIG), Equal(1, SIGKILL));
}

}  // namespace

Status InstallSeccompFilter(bool allow_programs) {
  std::unique_ptr<void, FilterDeleter> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return FailedPrecondition("cannot prepare the system call filter");
  Rules rules(filter.get());
  AddRules(rules, allow_programs);
  const int error = rules.error() != 0 ? rules.error() : seccomp_load(filter.get());
  if (error != 0) {
    return FailedPrecondition(
        "cannot install the system call filter ({}); the kernel needs CONFIG_SECCOMP_FILTER and "
        "the surrounding container must allow seccomp",
        std::strerror(-error));
  }
  return OkStatus();
}

}  // namespace hadal::parser
