#include "services/model_store/model_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "services/model_store/import.h"

namespace hadal::model_store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRemoved = ".removed-";

bool IsFolder(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool Exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

/// Names of the folders in `folder`, sorted.
std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsFolder(it->path().string())) names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

int64_t SizeOf(const std::string& folder) {
  int64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat info {};
    if (::lstat(it->path().c_str(), &info) == 0) total += int64_t{info.st_blocks} * 512;
  }
  return total;
}

}  // namespace

StoreListing ModelStore::List() const {
  StoreListing listing;
  for (const std::string& name : FoldersIn(models_folder_)) {
    const std::string folder = models_folder_ + "/" + name;
    if (name.starts_with(kStagingPrefix)) {
      listing.interrupted.push_back(name.substr(kStagingPrefix.size()));
    } else if (!name.starts_with('.') && Exists(folder + "/" + kManifestName)) {
      StatusOr<Manifest> manifest = ReadManifest(folder);
      if (!manifest.ok()) {
        listing.broken.push_back({name, manifest.status()});
      } else {
        std::string path = manifest->PathIn(folder);
        listing.models.push_back({*std::move(manifest), folder, std::move(path)});
      }
    }
  }
  return listing;
}

StatusOr<StoredModel> ModelStore::Find(const std::string& id) const {
  RETURN_IF_ERROR(CheckModelId(id));
  const std::string folder = models_folder_ + "/" + id;
  if (!IsFolder(folder) || !Exists(folder + "/" + kManifestName)) {
    return NotFound("no model {} was imported; 'hadal model ls' shows those there are", id);
  }
  ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(folder));
  std::string path = manifest.PathIn(folder);
  return StoredModel{std::move(manifest), folder, std::move(path)};
}

StatusOr<int64_t> ModelStore::Remove(const std::string& id) const {
  RETURN_IF_ERROR(CheckModelId(id));
  const std::string folder = models_folder_ + "/" + id;
  // Without a manifest it is the operator's own, not the store's.
  const bool imported = IsFolder(folder) && Exists(folder + "/" + kManifestName);
  const std::string from = imported ? folder : StagingFolder(models_folder_, id);
  if (!IsFolder(from)) {
    return NotFound("no model {} was imported; 'hadal model ls' shows those there are", id);
  }
  const int64_t bytes = SizeOf(from);
  const std::string aside = models_folder_ + "/" + std::string(kRemoved) + id;
  std::error_code error;
  fs::remove_all(aside, error);
  if (::rename(from.c_str(), aside.c_str()) != 0) return ErrnoStatus("cannot remove", from);
  RETURN_IF_ERROR(SyncFolder(models_folder_));
  fs::remove_all(aside, error);
  if (error) return Unavailable("cannot delete {}: {}", aside, error.message());
  return bytes;
}

void ModelStore::FinishRemovals() const {
  for (const std::string& name : FoldersIn(models_folder_)) {
    if (!name.starts_with(kRemoved)) continue;
    std::error_code error;
    fs::remove_all(models_folder_ + "/" + name, error);
    if (error) LogWarning("cannot delete {}/{}: {}", models_folder_, name, error.message());
  }
}

}  // namespace hadal::model_store
