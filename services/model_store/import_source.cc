#include "services/model_store/import_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/utf8.h"
#include "services/model_store/manifest.h"

namespace hadal::model_store {
namespace {

constexpr char kPoolingFolder[] = "1_Pooling";  // the one folder loaders look into

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

/// Opens things below one folder.
class Beneath {
 public:
  Beneath(UniqueFd root, std::string name) : root_(std::move(root)), name_(std::move(name)) {}

  StatusOr<UniqueFd> Open(const std::string& path) const {
    struct open_how how {};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const auto fd =
        static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof(how)));
    if (fd >= 0) return UniqueFd(fd);
    if (errno == EXDEV || errno == ELOOP) {
      return PermissionDenied(
          "{} leads out of the import folder {}; copy the model itself into the folder", path,
          name_);
    }
    return ErrnoStatus("cannot open", name_ + "/" + path);
  }

 private:
  const UniqueFd root_;
  const std::string name_;
};

/// Other formats' weights, code and pictures stay where they are.
bool IsTaken(std::string_view name) {
  for (const std::string_view end : {".json", ".safetensors", ".txt", ".model", ".jinja", ".md"}) {
    if (name.ends_with(end)) return true;
  }
  return name.starts_with("LICENSE");
}

StatusOr<SourceFile> Describe(UniqueFd fd, const std::string& name) {
  if (!IsValidUtf8(name)) {
    return InvalidArgument("the file name {} is not UTF-8; rename it", SanitizeUtf8(name));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus("cannot stat", name);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("{} is no regular file; a model has no devices, pipes or sockets", name);
  }
  SourceFile file;
  file.name = name;
  file.size_bytes = info.st_size;
  file.modified_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  file.fd = std::move(fd);
  return file;
}

bool IsDirectory(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

StatusOr<std::vector<std::string>> NamesIn(UniqueFd folder, const std::string& path) {
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(folder.get()));
  if (dir == nullptr) return ErrnoStatus("cannot list", path);
  folder.Release();  // the DIR owns it
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.starts_with('.') || name == kManifestName) continue;
    names.push_back(name);
    if (names.size() > kMaxModelFiles) {
      return InvalidArgument("{} holds more than {} files; expected a model folder", path,
                             kMaxModelFiles);
    }
  }
  return names;
}

StatusOr<std::vector<SourceFile>> OpenFolder(const Beneath& beneath, const std::string& path,
                                             UniqueFd folder) {
  std::vector<SourceFile> files;
  const auto take = [&](const std::string& name) -> Status {
    ASSIGN_OR_RETURN(UniqueFd fd, beneath.Open(path + "/" + name));
    ASSIGN_OR_RETURN(SourceFile file, Describe(std::move(fd), name));
    files.push_back(std::move(file));
    return OkStatus();
  };
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(std::move(folder), path));
  for (const std::string& name : names) {
    if (IsTaken(name)) RETURN_IF_ERROR(take(name));
    if (name == kPoolingFolder) RETURN_IF_ERROR(take(name + std::string("/config.json")));
  }
  const bool model = std::any_of(files.begin(), files.end(),
                                 [](const SourceFile& file) { return file.name == "config.json"; });
  if (!model) {
    return InvalidArgument("{} has no config.json; expected a Hugging Face folder or a GGUF file",
                           path);
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

StatusOr<std::vector<SourceFile>> OpenSource(const std::string& import_folder,
                                             const std::string& source) {
  std::string path = source;
  while (path.ends_with('/')) path.pop_back();
  if (path.starts_with(import_folder + "/")) path = path.substr(import_folder.size() + 1);
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) {
    return InvalidArgument(
        "the source '{}' is not below the import folder {}; put the model there and name it from "
        "there",
        source, import_folder);
  }
  UniqueFd root(::open(import_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus("cannot open the import folder", import_folder);
  const Beneath beneath(std::move(root), import_folder);
  ASSIGN_OR_RETURN(UniqueFd fd, beneath.Open(path));
  if (IsDirectory(fd.get())) return OpenFolder(beneath, path, std::move(fd));
  const std::string name = std::filesystem::path(path).filename().string();
  if (!name.ends_with(".gguf") || name.starts_with('.')) {
    return InvalidArgument("{} is neither a folder nor a .gguf file", path);
  }
  ASSIGN_OR_RETURN(SourceFile file, Describe(std::move(fd), name));
  std::vector<SourceFile> files;
  files.push_back(std::move(file));
  return files;
}

}  // namespace hadal::model_store
