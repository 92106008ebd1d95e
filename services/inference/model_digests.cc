#include "services/inference/model_digests.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "services/model_store/file_digest.h"

namespace hadal::inference_service {
namespace {

constexpr size_t kMaxCacheBytes = 1 << 20;
constexpr size_t kMaxFolderFiles = 4096;

StatusOr<std::vector<std::string>> FilesOf(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error)) names.push_back(it->path().filename().string());
    if (names.size() > kMaxFolderFiles) {
      return InvalidArgument("{} holds more than {} files; expected a model folder", folder,
                             kMaxFolderFiles);
    }
  }
  if (error) return Unavailable("cannot list {}: {}", folder, error.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ModelDigests::ModelDigests(std::vector<std::string> paths, std::string cache_file)
    : cache_file_(std::move(cache_file)),
      thread_([this, paths = std::move(paths)] { Run(paths); }) {}

ModelDigests::~ModelDigests() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

StatusOr<std::string> ModelDigests::Wait(const std::string& path, absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  const auto is_done = [this, &path]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return done_.contains(path); };
  if (!mu_.AwaitWithDeadline(absl::Condition(&is_done), deadline)) {
    return DeadlineExceeded("the digest of {} is still being computed; ask again", path);
  }
  return done_.at(path);
}

void ModelDigests::Run(const std::vector<std::string>& paths) {
  LoadCache();
  for (const std::string& path : paths) {
    StatusOr<std::string> digest = DigestOf(path);
    if (!digest.ok()) LogWarning("digest of {}: {}", path, StatusMessage(digest.status()));
    absl::MutexLock lock(&mu_);
    done_.insert_or_assign(path, std::move(digest));
  }
  if (used_ != cache_) SaveCache();
}

StatusOr<std::string> ModelDigests::DigestOf(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return DigestOfFile(path);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesOf(path));
  std::string manifest;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string digest, DigestOfFile(path + "/" + name));
    manifest += digest + "  " + name + "\n";
  }
  return HexEncode(auth::Sha256(manifest));
}

StatusOr<std::string> ModelDigests::DigestOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string identity, model_store::FileIdentity(path));
  if (const auto it = cache_.find(identity); it != cache_.end()) {
    used_[identity] = it->second;
    return it->second;
  }
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("open", path);
  const auto go_on = [this](int64_t) { return !stopping(); };
  ASSIGN_OR_RETURN(std::string digest, model_store::HashFile(file.get(), path, go_on));
  ASSIGN_OR_RETURN(const std::string identity_after, model_store::FileIdentity(path));
  if (identity_after != identity) return DataLoss("{} changed while it was read", path);
  used_[identity] = digest;
  return digest;
}

void ModelDigests::LoadCache() {
  const StatusOr<std::string> text = ReadFile(cache_file_, kMaxCacheBytes);
  if (!text.ok()) return;
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  for (const auto& [identity, digest] : json.items()) {
    if (!digest.is_string()) continue;
    const auto& hex = digest.get_ref<const std::string&>();
    if (hex.size() == 2 * auth::kSha256Bytes && HexDecode(hex).ok()) cache_[identity] = hex;
  }
}

void ModelDigests::SaveCache() {
  // Replacing invalid UTF-8 can only make an entry useless, and then the file is hashed again.
  const std::string text =
      nlohmann::json(used_).dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (const Status saved = WriteFileAtomic(cache_file_, text, 0600); !saved.ok()) {
    LogWarning("model digests are not kept: {}", StatusMessage(saved));
  }
}

bool ModelDigests::stopping() const {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

}  // namespace hadal::inference_service
