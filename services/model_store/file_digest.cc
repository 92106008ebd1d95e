#include "services/model_store/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"

namespace hadal::model_store {
namespace {

constexpr size_t kReadBytes = 1 << 20;

/// The files of the folder, at most one folder deep, without hidden ones: no loader reads those.
StatusOr<std::vector<std::string>> FilesIn(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().filename().string().starts_with('.')) {
      it.disable_recursion_pending();
      continue;
    }
    if (it->symlink_status(error).type() == fs::file_type::directory) continue;
    names.push_back(it->path().lexically_relative(folder).string());
  }
  if (error) return Unavailable("cannot list {}: {}", folder, error.message());
  std::erase(names, kManifestName);
  return names;
}

/// Opens a file of the model that has the size the manifest says.
StatusOr<UniqueFd> OpenSized(const std::string& path, const ManifestFile& expected) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return ErrnoStatus("cannot open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus("cannot stat", path);
  if (!S_ISREG(info.st_mode)) return DataLoss("it is no regular file any more");
  if (info.st_size == expected.size_bytes) return file;
  return DataLoss("it has {} bytes, {} were imported", info.st_size, expected.size_bytes);
}

Status CheckContent(const std::string& path, const ManifestFile& expected,
                    const Progress& progress) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenSized(path, expected));
  ASSIGN_OR_RETURN(const std::string sha256, HashFile(file.get(), path, progress));
  if (sha256 != expected.sha256) {
    return DataLoss("its SHA-256 is {}, that of the imported one {}", sha256, expected.sha256);
  }
  return OkStatus();
}

/// What is wrong without reading a byte: files too many, missing, of another kind or size.
StatusOr<std::vector<CheckedFile>> CheckNamesAndSizes(const std::string& folder,
                                                      const Manifest& manifest) {
  std::vector<CheckedFile> checked;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesIn(folder));
  for (const std::string& name : names) {
    const bool listed =
        std::any_of(manifest.files.begin(), manifest.files.end(),
                    [&name](const ManifestFile& file) { return file.name == name; });
    if (!listed) checked.push_back({name, 0, "it was not imported; take it out of the folder"});
  }
  for (const ManifestFile& file : manifest.files) {
    const auto sized = OpenSized(folder + "/" + file.name, file);
    checked.push_back({file.name, file.size_bytes, StatusMessage(sized.status())});
  }
  return checked;
}

/// CANCELLED when `progress` says so.
Status CheckContents(const std::string& folder, const Manifest& manifest, const Progress& progress,
                     std::vector<CheckedFile>& checked) {
  for (const ManifestFile& file : manifest.files) {
    const auto entry =
        std::find_if(checked.begin(), checked.end(),
                     [&file](const CheckedFile& other) { return other.name == file.name; });
    if (!entry->problem.empty()) continue;
    const Status content = CheckContent(folder + "/" + file.name, file, progress);
    if (absl::IsCancelled(content)) return content;
    entry->problem = StatusMessage(content);
  }
  return OkStatus();
}

Status FirstProblem(const Manifest& manifest, const std::vector<CheckedFile>& files) {
  for (const CheckedFile& file : files) {
    if (file.problem.empty()) continue;
    return DataLoss(
        "{} of the model {} is not what was imported: {}; remove the model and import it again",
        file.name, manifest.id, file.problem);
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::string> FileIdentity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("cannot stat", path);
  return fmt::format("{}|{}|{}|{}.{:09}|{}.{:09}", path, info.st_size, info.st_ino,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                     info.st_ctim.tv_nsec);
}

StatusOr<std::string> FilesIdentity(const std::string& folder, const Manifest& manifest) {
  std::string all;
  for (const ManifestFile& file : manifest.files) {
    ASSIGN_OR_RETURN(const std::string one, FileIdentity(folder + "/" + file.name));
    all += one + "\n";
  }
  return all;
}

StatusOr<std::string> HashFile(int fd, const std::string& path, const Progress& progress) {
  std::string buffer(kReadBytes, '\0');
  auth::Sha256Hasher hasher;
  while (true) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus("cannot read", path);
    if (size == 0) return HexEncode(hasher.Finish());
    hasher.Update(std::string_view(buffer).substr(0, static_cast<size_t>(size)));
    if (!progress(size)) return Cancelled("reading {} was given up", path);
  }
}

StatusOr<std::vector<CheckedFile>> CheckFiles(const std::string& folder, const Manifest& manifest,
                                              const Progress& progress) {
  ASSIGN_OR_RETURN(std::vector<CheckedFile> checked, CheckNamesAndSizes(folder, manifest));
  RETURN_IF_ERROR(CheckContents(folder, manifest, progress, checked));
  return checked;
}

Status RequireFiles(const std::string& folder, const Manifest& manifest, const Progress& progress) {
  ASSIGN_OR_RETURN(std::vector<CheckedFile> checked, CheckNamesAndSizes(folder, manifest));
  RETURN_IF_ERROR(FirstProblem(manifest, checked));
  RETURN_IF_ERROR(CheckContents(folder, manifest, progress, checked));
  return FirstProblem(manifest, checked);
}

}  // namespace hadal::model_store
