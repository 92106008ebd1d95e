#pragma once

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace hadal::inference_service {

/// SHA-256 of model files, computed by a thread of its own so that start-up does not wait. Results
/// are kept in `cache_file` by path, size, inode and times of change: a file is read in full again
/// only when one of these differs. Of a folder: the digest of the lines "DIGEST  NAME\n" of its
/// files in order of names, as sha256sum prints them. Thread-safe.
class ModelDigests {
 public:
  /// A missing or damaged cache file only costs time.
  ModelDigests(std::vector<std::string> paths, std::string cache_file);
  /// Waits until the file being read is done, or a part of it.
  ~ModelDigests();

  /// Lower-case hex of `path`, one of those given. Waits; DEADLINE_EXCEEDED after `deadline`, or
  /// the error of reading.
  StatusOr<std::string> Wait(const std::string& path, absl::Time deadline);

 private:
  void Run(const std::vector<std::string>& paths);
  StatusOr<std::string> DigestOf(const std::string& path);
  StatusOr<std::string> DigestOfFile(const std::string& path);
  void LoadCache();
  void SaveCache();
  bool stopping() const;

  const std::string cache_file_;
  mutable absl::Mutex mu_;
  std::map<std::string, StatusOr<std::string>> done_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // The thread's alone: a file's identity to its digest, as kept and as needed this time.
  std::map<std::string, std::string> cache_;
  std::map<std::string, std::string> used_;
  std::thread thread_;
};

}  // namespace hadal::inference_service
