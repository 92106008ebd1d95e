#pragma once

#include <string>

#include "base/file.h"
#include "base/status.h"

namespace hadal::auth {

/// Keeps a second process out of a folder for as long as the object lives; a dead holder's lock is
/// gone with it (flock).
class FolderLock {
 public:
  /// FAILED_PRECONDITION when another process (or another object in this one) holds `folder`.
  static StatusOr<FolderLock> Acquire(const std::string& folder);

 private:
  explicit FolderLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace hadal::auth
