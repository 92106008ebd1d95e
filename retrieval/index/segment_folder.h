#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"

namespace hadal::retrieval {

/// The files of one index: their names and the counter they are numbered by. Thread-safe.
class SegmentFolder {
 public:
  /// Makes the folder, removes what a crash left half written.
  static StatusOr<std::unique_ptr<SegmentFolder>> Open(const std::string& path);

  struct File {
    uint64_t sequence = 0;
    std::string path;
  };
  /// Newest first: where two files hold the same chunk, since a crash came between the making of
  /// one and the removal of the other, the newer one counts.
  StatusOr<std::vector<File>> List() const;

  /// A number that no file of this folder ever had. It is synced before it is used, so that
  /// generation() never falls.
  StatusOr<uint64_t> NextSequence() ABSL_LOCKS_EXCLUDED(mu_);
  std::string PathOf(uint64_t sequence) const;

  /// Removes the files for good: synced.
  Status Remove(const std::vector<std::string>& paths) const;

  uint64_t generation() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit SegmentFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  mutable absl::Mutex mu_;
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace hadal::retrieval
