#include "auth/folder/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace hadal::auth {

StatusOr<FolderLock> FolderLock::Acquire(const std::string& folder) {
  const std::string path = folder + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus("cannot lock", path);
    return FailedPrecondition("{} is in use by another process: wait for it to end, or stop the "
                              "appliance", folder);
  }
  return FolderLock(std::move(fd));
}

}  // namespace hadal::auth
