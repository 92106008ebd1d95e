#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "inference/engine/sequence.h"

namespace hadal::inference {

/// The way in to the engine thread: new sequences, bounded together with those the scheduler has
/// not started yet. Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(int32_t capacity) : capacity_(capacity) {}

  /// RESOURCE_EXHAUSTED when `capacity` requests wait, UNAVAILABLE when closed.
  Status Post(std::unique_ptr<Sequence> sequence);

  /// Hands over what was posted; with `wait` not before there is something. False when closed.
  bool Take(bool wait, std::vector<std::unique_ptr<Sequence>>& posted);

  /// Requests taken that have not started.
  void SetBacklog(int32_t backlog);

  /// Requests posted and not taken.
  int32_t num_posted() const;

  /// Ends Take() and Post(); what was posted and not taken is returned.
  std::vector<std::unique_ptr<Sequence>> Close();

 private:
  const int32_t capacity_;
  mutable absl::Mutex mu_;
  std::vector<std::unique_ptr<Sequence>> posted_ ABSL_GUARDED_BY(mu_);
  int32_t backlog_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace hadal::inference
