#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "base/status.h"

namespace hadal {

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// A regular file mapped read-only. A file that shrinks while mapped raises SIGBUS on access: the
/// files mapped here (models) are owned by the appliance. Thread-safe (const).
class MappedFile {
 public:
  /// NOT_FOUND, or INVALID_ARGUMENT when `path` is not a regular file. An empty file maps as empty.
  static StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  /// Gives the memory of whole pages inside `part` back; who reads them again finds the same bytes,
  /// from the page cache or the disk. Nothing happens to a part of something else.
  void Forget(absl::Span<const uint8_t> part) const;
  /// Before bytes are read long after Open(): an error when the file is gone or became shorter,
  /// where reading them may end the process (SIGBUS).
  Status CheckStillThere() const;

 private:
  MappedFile(std::string path, const uint8_t* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  const std::string path_;
  const uint8_t* const data_;
  const size_t size_;
};

/// Status for the current errno: "what path: strerror", with the code that fits (NOT_FOUND,
/// PERMISSION_DENIED, ALREADY_EXISTS, RESOURCE_EXHAUSTED for a full disk, else UNAVAILABLE).
Status ErrnoStatus(std::string_view what, std::string_view path);

/// The whole file. RESOURCE_EXHAUSTED when it is larger than `limit_bytes`; only regular files.
StatusOr<std::string> ReadFile(const std::string& path, size_t limit_bytes = size_t{1} << 30);

/// Writes to a temporary file beside `path`, fsyncs it, renames it over `path` and fsyncs the
/// folder: after an OK the new content survives a power cut; before it the old one does.
Status WriteFileAtomic(const std::string& path, std::string_view content, int mode = 0644);

/// Writes everything, across short writes and EINTR.
Status WriteAll(int fd, std::string_view content);

/// Creates `path` and its parents; OK when it is a directory already.
Status MakeDirectories(const std::string& path, int mode = 0755);

/// A new empty directory, removed with its contents in the destructor.
class TempDir {
 public:
  static StatusOr<std::unique_ptr<TempDir>> Create(std::string_view prefix = "hadal");
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace hadal
