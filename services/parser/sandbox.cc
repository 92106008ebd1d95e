#include "services/parser/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "base/file.h"
#include "services/parser/file_view.h"
#include "services/parser/seccomp_filter.h"

namespace hadal::parser {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // shadow memory takes terabytes of address space
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

Status WriteProcFile(const char* path, const std::string& content) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  return WriteAll(fd.get(), content);
}

/// Inside a new user namespace: the same user under the name of root, so that folders of the new
/// file system have an owner.
Status MapUser(uid_t uid, gid_t gid) {
  RETURN_IF_ERROR(WriteProcFile("/proc/self/setgroups", "deny"));
  RETURN_IF_ERROR(WriteProcFile("/proc/self/uid_map", fmt::format("0 {} 1", uid)));
  return WriteProcFile("/proc/self/gid_map", fmt::format("0 {} 1", gid));
}

/// What may be read and run.
std::vector<std::string> VisiblePaths(const SandboxOptions& options) {
  return options.allow_programs ? ProgramPaths(options.allow_recognition)
                                : std::vector<std::string>();
}

/// Namespaces for network, mounts and the rest; through a user namespace when not root.
void EnterNamespaces(const SandboxOptions& options, SandboxReport& report) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  constexpr int kRest = CLONE_NEWIPC | CLONE_NEWUTS;
  bool mounts = false;
  if (uid == 0 && ::unshare(CLONE_NEWNS | CLONE_NEWNET | kRest) == 0) {
    report.network_namespace = mounts = true;
  } else if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | kRest) == 0) {
    report.network_namespace = true;
    const Status mapped = MapUser(uid, gid);
    mounts = mapped.ok();
    if (!mapped.ok()) report.missing.push_back("file view: " + StatusMessage(mapped));
  } else {
    report.missing.push_back(
        StatusMessage(ErrnoStatus("namespaces refused to user", std::to_string(uid))));
  }
  if (!mounts) return;
  const Status viewed = EnterFileView(VisiblePaths(options));
  report.file_view = viewed.ok();
  if (!viewed.ok()) report.missing.push_back("file view: " + StatusMessage(viewed));
}

/// From root to a user id that nobody has: another one for each process, so that one parser cannot
/// signal another and the limit of processes counts its own alone.
void DropUser(SandboxReport& report) {
  if (::geteuid() != 0) return;
  const auto id = static_cast<uid_t>(0x70000000 + (::getpid() & 0x3FFFFF));
  if (::setgroups(0, nullptr) == 0 && ::setresgid(id, id, id) == 0 &&
      ::setresuid(id, id, id) == 0) {
    report.dropped_user = true;
  }
}

Status DropCapabilities() {
  for (int capability = 0; capability <= 63; ++capability) {
    // Fails past the last capability, or without CAP_SETPCAP, where there is nothing to drop.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) {
    return FailedPrecondition("cannot give up capabilities");
  }
  return OkStatus();
}

/// Threads the user runs by now: the limit of processes counts them all.
int64_t CountTasks(uid_t uid) {
  std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (proc == nullptr) return 0;
  int64_t tasks = 0;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (!std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
    struct stat info = {};
    const std::string path = fmt::format("/proc/{}/task", entry->d_name);
    if (::stat(path.c_str(), &info) == 0 && info.st_uid == uid) {
      tasks += static_cast<int64_t>(info.st_nlink) - 2;
    }
  }
  return tasks;
}

/// `grace`: how far the hard limit, which nothing can exceed, lies above the one that signals.
Status Limit(__rlimit_resource resource, int64_t value, std::string_view name, int64_t grace = 0) {
  struct rlimit limit = {};
  if (::getrlimit(resource, &limit) != 0) {
    return FailedPrecondition("cannot read the limit {}", name);
  }
  // RLIM_INFINITY is the largest value: what is set already may only become tighter.
  limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(value + grace));
  limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(value));
  if (::setrlimit(resource, &limit) != 0) {
    return FailedPrecondition("cannot set the limit {}", name);
  }
  return OkStatus();
}

Status SetLimits(const SandboxOptions& options, int64_t tasks_before) {
  // SIGXCPU at the limit tells the cause; SIGKILL two seconds later also ends who ignores it.
  RETURN_IF_ERROR(Limit(RLIMIT_CPU, options.cpu_seconds, "RLIMIT_CPU", 2));
  if (!kSanitized) {
    RETURN_IF_ERROR(Limit(RLIMIT_AS, options.address_space_bytes, "RLIMIT_AS"));
  }
  RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, options.file_size_bytes, "RLIMIT_FSIZE"));
  RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, options.max_open_files, "RLIMIT_NOFILE"));
  RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
  return Limit(RLIMIT_NPROC, tasks_before + options.max_processes, "RLIMIT_NPROC");
}

}  // namespace

StatusOr<SandboxReport> CloseSandbox(const SandboxOptions& options) {
  const pid_t parent = ::getppid();
  const uid_t uid = ::geteuid();
  // As root the process changes to a user without any; otherwise it shares the count.
  const int64_t tasks = uid == 0 ? 0 : CountTasks(uid);
  SandboxReport report;
  EnterNamespaces(options, report);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return FailedPrecondition("cannot give up new privileges (PR_SET_NO_NEW_PRIVS)");
  }
  const Status landlocked = RestrictByLandlock(VisiblePaths(options));
  report.landlock = landlocked.ok();
  if (!landlocked.ok()) report.missing.push_back(StatusMessage(landlocked));
  if (uid == 0) DropUser(report);
  if (uid == 0 && !report.dropped_user) report.missing.push_back("the user stays root");
  RETURN_IF_ERROR(DropCapabilities());
  // A change of user clears the signal by which the parent's end ends this process.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) return FailedPrecondition("the parent process has ended");
  // Under another user the process would be undumpable anyway; say so for every case.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  RETURN_IF_ERROR(SetLimits(options, tasks));
  RETURN_IF_ERROR(InstallSeccompFilter(options.allow_programs));
  return report;
}

}  // namespace hadal::parser
