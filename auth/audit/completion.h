#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace hadal::auth {

/// An event that happens once and that many threads wait for, on a futex: waking 64 waiters through
/// one mutex would make them queue for it. Thread-safe.
class Completion {
 public:
  void Set();
  /// False when it has not happened after `timeout`. What was written before Set() is visible after
  /// true.
  bool Wait(absl::Duration timeout) const;

 private:
  std::atomic<uint32_t> done_{0};
};

}  // namespace hadal::auth
