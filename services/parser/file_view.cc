#include "services/parser/file_view.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>

#include "base/file.h"

namespace hadal::parser {
namespace {

// The new root is mounted here; hidden again from everybody else, the namespace being our own.
constexpr const char* kMountPoint = "/tmp";

bool IsSymlink(const std::string& path, std::string& target) {
  char buffer[PATH_MAX];
  const ssize_t n = ::readlink(path.c_str(), buffer, sizeof(buffer));
  if (n <= 0 || n == static_cast<ssize_t>(sizeof(buffer))) return false;
  target.assign(buffer, static_cast<size_t>(n));
  return true;
}

/// Creates the parents of `path` below `root`; folders that are links on the machine (/lib on a
/// merged /usr) become the same links, so that libraries are found by either name.
Status MakeParents(const std::string& root, const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (::mkdir((root + folder).c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoStatus("cannot create", root + folder);
    }
  }
  return OkStatus();
}

Status BindReadOnly(const std::string& root, const std::string& path) {
  std::string target;
  RETURN_IF_ERROR(MakeParents(root, path));
  const std::string inside = root + path;
  if (IsSymlink(path, target)) {
    if (::symlink(target.c_str(), inside.c_str()) != 0 && errno != EEXIST) {
      return ErrnoStatus("cannot create the link", inside);
    }
    return OkStatus();
  }
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return OkStatus();  // not on this machine: not needed
  if (S_ISDIR(info.st_mode)) {
    if (::mkdir(inside.c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoStatus("cannot create", inside);
    }
  } else {
    const UniqueFd file(::open(inside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file.valid()) return ErrnoStatus("cannot create", inside);
  }
  if (::mount(path.c_str(), inside.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return ErrnoStatus("cannot make visible", path);
  }
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(AT_FDCWD, inside.c_str(), AT_RECURSIVE, &attributes, sizeof(attributes)) !=
      0) {
    return ErrnoStatus("cannot make read-only", path);
  }
  return OkStatus();
}

Status ErrnoPrecondition(std::string_view what) {
  return FailedPrecondition("{}", StatusMessage(ErrnoStatus(what, kMountPoint)));
}

}  // namespace

std::vector<std::string> ProgramPaths(bool recognition) {
  std::vector<std::string> paths = {"/usr/bin/pdftotext",
                                    "/usr/bin/pdftohtml",
                                    "/usr/bin/pdftoppm",
                                    "/usr/lib",
                                    "/usr/lib64",
                                    "/lib",
                                    "/lib64",
                                    "/etc/ld.so.cache",
                                    "/usr/share/poppler"};
  if (recognition) {
    paths.push_back("/usr/bin/tesseract");
    paths.push_back("/usr/share/tesseract-ocr");
  }
  return paths;
}

Status EnterFileView(const std::vector<std::string>& visible) {
  // Fails where "/" is no mount point (a plain chroot): mounts made here might show outside.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoPrecondition("cannot make mounts private; new root at");
  }
  if (::mount("hadal-parser", kMountPoint, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") !=
      0) {
    return ErrnoPrecondition("cannot mount the new root at");
  }
  const std::string root = kMountPoint;
  for (const std::string& path : visible) RETURN_IF_ERROR(BindReadOnly(root, path));
  if (::mount(nullptr, kMountPoint, nullptr,
              MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_BIND, nullptr) != 0) {
    return ErrnoPrecondition("cannot make read-only the new root at");
  }
  // chroot rather than pivot_root: all capabilities and descriptors of folders are given up next,
  // and seccomp ends a process that calls chroot again.
  if (::chdir(kMountPoint) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0) {
    return ErrnoPrecondition("cannot change into the new root at");
  }
  return OkStatus();
}

Status RestrictByLandlock(const std::vector<std::string>& readable) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return Unimplemented("the kernel has no Landlock");
  constexpr uint64_t kRead =
      LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  // Every right of the first version, plus renaming across folders of the second.
  uint64_t handled = LANDLOCK_ACCESS_FS_MAKE_SYM | (LANDLOCK_ACCESS_FS_MAKE_SYM - 1);
  if (version >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  struct landlock_ruleset_attr ruleset = {};
  ruleset.handled_access_fs = handled;
  const UniqueFd fd(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0)));
  if (!fd.valid()) return ErrnoStatus("cannot create a Landlock", "ruleset");
  for (const std::string& path : readable) {
    const UniqueFd beneath(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!beneath.valid()) continue;  // not on this machine
    struct stat info = {};
    if (::fstat(beneath.get(), &info) != 0) return ErrnoStatus("cannot look at", path);
    struct landlock_path_beneath_attr rule = {};
    rule.parent_fd = beneath.get();
    rule.allowed_access = S_ISDIR(info.st_mode) ? kRead : kRead & ~LANDLOCK_ACCESS_FS_READ_DIR;
    if (::syscall(SYS_landlock_add_rule, fd.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      return ErrnoStatus("cannot add a Landlock rule for", path);
    }
  }
  if (::syscall(SYS_landlock_restrict_self, fd.get(), 0) != 0) {
    return ErrnoStatus("cannot enforce the Landlock", "ruleset");
  }
  return OkStatus();
}

}  // namespace hadal::parser
