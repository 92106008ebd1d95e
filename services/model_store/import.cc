#include "services/model_store/import.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "services/model_store/checkpoint_facts.h"
#include "services/model_store/import_source.h"

namespace hadal::model_store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 4 << 20;
/// Beside the files: the manifest, folders, and so that nothing else finds the disk full.
constexpr int64_t kSpareBytes = 16 << 20;

/// Up to `size` bytes at `offset`; fewer only at the end of the file.
StatusOr<size_t> ReadAt(int fd, int64_t offset, char* out, size_t size, const std::string& name) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, out + done, size - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot read", name);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Status WriteAt(int fd, int64_t offset, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::pwrite(fd, content.data(), content.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot write", path);
    content.remove_prefix(static_cast<size_t>(n));
    offset += n;
  }
  return OkStatus();
}

/// One import, from the empty (or killed) staging folder to the model in its place.
class Import {
 public:
  Import(const ImportRequest& request, const ImportProgress& progress)
      : request_(request),
        progress_(progress),
        staging_(StagingFolder(request.models_folder, request.id)),
        target_(request.models_folder + "/" + request.id) {}

  StatusOr<ImportResult> Run() {
    RETURN_IF_ERROR(CheckModelId(request_.id));
    struct stat ignored {};
    if (::lstat(target_.c_str(), &ignored) == 0) {
      return AlreadyExists("there is a model {} already; remove it first, or give another id",
                           request_.id);
    }
    ASSIGN_OR_RETURN(sources_, OpenSource(request_.import_folder, request_.source));
    for (const SourceFile& file : sources_) total_bytes_ += file.size_bytes;
    RETURN_IF_ERROR(MakeDirectories(request_.models_folder));
    RETURN_IF_ERROR(CheckSpace());
    ASSIGN_OR_RETURN(const UniqueFd lock, LockStaging());
    Status status = Fill();
    if (status.ok()) status = MoveIntoPlace();
    if (!status.ok()) {
      std::error_code error;
      fs::remove_all(staging_, error);
      if (error) LogWarning("{} stays behind: {}", staging_, error.message());
      return status;
    }
    return std::move(result_);
  }

 private:
  /// Before anything is written; a refusal leaves a killed import as it was.
  Status CheckSpace() const {
    int64_t missing = kSpareBytes;
    for (const SourceFile& file : sources_) {
      struct stat staged {};
      const bool there = ::stat((staging_ + "/" + file.name).c_str(), &staged) == 0;
      const int64_t kept = there ? int64_t{staged.st_blocks} * 512 : 0;
      missing += std::max<int64_t>(0, file.size_bytes - kept);
    }
    struct statvfs disk {};
    if (::statvfs(request_.models_folder.c_str(), &disk) != 0) {
      return ErrnoStatus("cannot see the free space of", request_.models_folder);
    }
    const auto free = static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
    if (free >= missing) return OkStatus();
    return ResourceExhausted(
        "the import of {} needs {} MiB more in {}, {} MiB are free; free some or remove a model",
        request_.id, (missing >> 20) + 1, request_.models_folder, free >> 20);
  }

  /// The lock is the folder's, held as long as it is open, and ends with the process.
  StatusOr<UniqueFd> LockStaging() const {
    if (::mkdir(staging_.c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoStatus("cannot create", staging_);
    }
    UniqueFd lock(::open(staging_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!lock.valid()) return ErrnoStatus("cannot open", staging_);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return FailedPrecondition("{} is being imported by another process; wait for it",
                                request_.id);
    }
    return lock;
  }

  Status Fill() {
    RETURN_IF_ERROR(RemoveOthers());
    for (SourceFile& source : sources_) RETURN_IF_ERROR(CopyFile(source));
    Manifest& manifest = result_.manifest;
    manifest.id = request_.id;
    ASSIGN_OR_RETURN(const CheckpointFacts facts, ReadCheckpointFacts(manifest.PathIn(staging_)));
    manifest.embedding = facts.embedding;
    manifest.architecture = facts.architecture;
    manifest.tokenizer_sha256 = facts.tokenizer_sha256;
    manifest.chat_template_sha256 = facts.chat_template_sha256;
    manifest.imported_unix_ms = request_.now_unix_ms;
    manifest.imported_by = request_.imported_by;
    const std::string text = FormatManifest(manifest);
    RETURN_IF_ERROR(ParseManifest(text).status());  // what cannot be read back is not written
    return WriteFileAtomic(staging_ + "/" + kManifestName, text);
  }

  /// A killed import may have been of another source.
  Status RemoveOthers() const {
    std::set<std::string> names;
    for (const SourceFile& source : sources_) names.insert(source.name);
    std::error_code error;
    std::vector<fs::path> others;
    for (fs::recursive_directory_iterator it(staging_, error), end; !error && it != end;
         it.increment(error)) {
      if (it->symlink_status(error).type() == fs::file_type::directory) continue;
      if (!names.contains(it->path().lexically_relative(staging_).string())) {
        others.push_back(it->path());
      }
    }
    for (const fs::path& other : others) {
      if (!error) fs::remove(other, error);
    }
    if (error) return Unavailable("cannot tidy {}: {}", staging_, error.message());
    return OkStatus();
  }

  /// Writes the blocks that are not there yet, digests all of them.
  Status CopyFile(SourceFile& source) {
    const std::string path = staging_ + "/" + source.name;
    const std::string folder = fs::path(path).parent_path().string();
    RETURN_IF_ERROR(MakeDirectories(folder));
    const UniqueFd out(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!out.valid()) return ErrnoStatus("cannot create", path);
    std::string block(kBlockBytes, '\0');
    std::string there(kBlockBytes, '\0');
    auth::Sha256Hasher hasher;
    int64_t offset = 0;
    while (true) {
      ASSIGN_OR_RETURN(const size_t size,
                       ReadAt(source.fd.get(), offset, block.data(), block.size(), source.name));
      if (size == 0) break;
      const std::string_view content(block.data(), size);
      hasher.Update(content);
      ASSIGN_OR_RETURN(const size_t kept, ReadAt(out.get(), offset, there.data(), size, path));
      if (kept == size && std::memcmp(there.data(), block.data(), size) == 0) {
        result_.resumed_bytes += static_cast<int64_t>(size);
      } else {
        RETURN_IF_ERROR(WriteAt(out.get(), offset, content, path));
        result_.copied_bytes += static_cast<int64_t>(size);
      }
      offset += static_cast<int64_t>(size);
      if (!progress_(static_cast<int64_t>(size), total_bytes_)) {
        return Cancelled("the import of {} was cancelled", request_.id);
      }
    }
    RETURN_IF_ERROR(CheckUnchanged(source, offset));
    if (::ftruncate(out.get(), offset) != 0) return ErrnoStatus("cannot cut", path);
    if (::fsync(out.get()) != 0) return ErrnoStatus("cannot sync", path);
    result_.manifest.files.push_back({source.name, offset, HexEncode(hasher.Finish())});
    source.fd.Reset();
    return folder == staging_ ? OkStatus() : SyncFolder(folder);
  }

  static Status CheckUnchanged(const SourceFile& source, int64_t size) {
    struct stat info {};
    if (::fstat(source.fd.get(), &info) != 0) return ErrnoStatus("cannot stat", source.name);
    const int64_t modified_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
    if (size == source.size_bytes && modified_ns == source.modified_ns) return OkStatus();
    return DataLoss("{} changed while it was copied; import it when nobody writes to it",
                    source.name);
  }

  Status MoveIntoPlace() const {
    RETURN_IF_ERROR(SyncFolder(staging_));
    if (::renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
      return ErrnoStatus("cannot rename the import to", target_);
    }
    return SyncFolder(request_.models_folder);
  }

  const ImportRequest& request_;
  const ImportProgress& progress_;
  const std::string staging_;
  const std::string target_;
  std::vector<SourceFile> sources_;
  int64_t total_bytes_ = 0;
  ImportResult result_;
};

}  // namespace

StatusOr<ImportResult> ImportModel(const ImportRequest& request, const ImportProgress& progress) {
  return Import(request, progress).Run();
}

std::string StagingFolder(const std::string& models_folder, const std::string& id) {
  return fmt::format("{}/{}{}", models_folder, kStagingPrefix, id);
}

Status SyncFolder(const std::string& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return ErrnoStatus("cannot sync", path);
  return OkStatus();
}

}  // namespace hadal::model_store
