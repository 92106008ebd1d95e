#include "retrieval/index/segment_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "retrieval/index/segment_file.h"

namespace hadal::retrieval {
namespace {

constexpr std::string_view kPrefix = "segment-";
constexpr std::string_view kSuffix = ".hseg";
constexpr size_t kDigits = 20;
constexpr const char* kCounter = "generation";

std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<uint64_t> SequenceOf(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size() || !name.starts_with(kPrefix) ||
      !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  return ParseNumber(name.substr(kPrefix.size(), kDigits));
}

}  // namespace

StatusOr<std::unique_ptr<SegmentFolder>> SegmentFolder::Open(const std::string& path) {
  RETURN_IF_ERROR(MakeDirectories(path, 0700));
  std::unique_ptr<SegmentFolder> folder(new SegmentFolder(path));
  std::error_code error;
  std::vector<std::string> unfinished;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    const bool segment = name.starts_with(kPrefix) && name.ends_with(".tmp");
    const bool counter = name.starts_with(fmt::format("{}.", kCounter));
    if (segment || counter) unfinished.push_back(entry.path());
  }
  if (error) return Unavailable("cannot list {}: {}", path, error.message());
  RETURN_IF_ERROR(folder->Remove(unfinished));
  uint64_t last = 0;
  const std::string counter = fmt::format("{}/{}", path, kCounter);
  const StatusOr<std::string> stored = ReadFile(counter, 64);
  if (stored.ok()) last = ParseNumber(*stored).value_or(0);  // damaged: the files tell
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
  ASSIGN_OR_RETURN(const std::vector<File> files, folder->List());
  if (!files.empty()) last = std::max(last, files.front().sequence);
  absl::MutexLock lock(&folder->mu_);
  folder->last_ = last;
  return folder;
}

StatusOr<std::vector<SegmentFolder::File>> SegmentFolder::List() const {
  std::vector<File> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    const std::optional<uint64_t> sequence = SequenceOf(entry.path().filename().string());
    if (sequence) files.push_back({*sequence, entry.path().string()});
  }
  if (error) return Unavailable("cannot list {}: {}", path_, error.message());
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.sequence > b.sequence; });
  return files;
}

StatusOr<uint64_t> SegmentFolder::NextSequence() {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(
      WriteFileAtomic(fmt::format("{}/{}", path_, kCounter), std::to_string(last_ + 1), 0600));
  return ++last_;
}

std::string SegmentFolder::PathOf(uint64_t sequence) const {
  return fmt::format("{}/{}{:020}{}", path_, kPrefix, sequence, kSuffix);
}

Status SegmentFolder::Remove(const std::vector<std::string>& paths) const {
  if (paths.empty()) return OkStatus();
  for (const std::string& path : paths) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoStatus("cannot remove", path);
  }
  return SyncFolder(path_);
}

uint64_t SegmentFolder::generation() const {
  absl::MutexLock lock(&mu_);
  return last_;
}

}  // namespace hadal::retrieval
