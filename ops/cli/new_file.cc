#include "ops/cli/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace hadal::cli {
namespace {

Status Exists(const std::string& path) {
  return AlreadyExists("{} is there already and is not overwritten: give another name", path);
}

Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus("cannot sync", folder);
  return OkStatus();
}

// Where the file system cannot refuse to replace (some network and FAT ones), a look must do.
Status RenameToNew(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return OkStatus();
  }
  if (errno == EEXIST) return Exists(to);
  if (errno != EINVAL && errno != ENOSYS) return ErrnoStatus("cannot name", to);
  struct stat there = {};
  if (::lstat(to.c_str(), &there) == 0) return Exists(to);
  return ::rename(from.c_str(), to.c_str()) == 0 ? OkStatus() : ErrnoStatus("cannot name", to);
}

}  // namespace

StatusOr<NewFile> NewFile::Create(const std::string& path) {
  struct stat there = {};
  if (::lstat(path.c_str(), &there) == 0) return Exists(path);
  std::string partial = fmt::format("{}.partial-{}", path, ::getpid());
  UniqueFd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("cannot write", partial);
  return NewFile(path, std::move(partial), std::move(fd));
}

NewFile::~NewFile() {
  if (fd_.valid()) ::unlink(partial_.c_str());
}

Status NewFile::Write(std::string_view part) {
  const Status written = WriteAll(fd_.get(), part);
  return written.ok() ? written : Annotate(written, path_);
}

Status NewFile::Commit() {
  if (::fsync(fd_.get()) != 0) return ErrnoStatus("cannot sync", partial_);
  RETURN_IF_ERROR(RenameToNew(partial_, path_));
  fd_.Reset();
  return SyncFolderOf(path_);
}

}  // namespace hadal::cli
