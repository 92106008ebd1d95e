#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "inference/engine.h"

namespace hadal::inference {

/// What the engine thread and one reader share about a generation: deltas one way, the wish to
/// cancel the other. The engine never waits for a reader. Thread-safe.
class StreamChannel {
 public:
  explicit StreamChannel(int32_t capacity, int32_t num_choices = 1)
      : capacity_(static_cast<size_t>(capacity) * static_cast<size_t>(num_choices)),
        unfinished_(num_choices) {}

  /// False when the reader lags `capacity` deltas for each choice behind: the delta is dropped.
  bool Push(GenerateDelta delta);
  /// The last delta of a choice; there is always room for it.
  void Finish(GenerateDelta delta);

  std::optional<GenerateDelta> Next(absl::Time deadline);

  void Cancel() { cancelled_.store(~uint64_t{0}, std::memory_order_relaxed); }
  void Cancel(int32_t choice) { cancelled_.fetch_or(BitOf(choice), std::memory_order_relaxed); }
  bool cancelled(int32_t choice) const {
    return (cancelled_.load(std::memory_order_relaxed) & BitOf(choice)) != 0;
  }

 private:
  static_assert(kMaxChoices <= 64);
  static uint64_t BitOf(int32_t choice) { return uint64_t{1} << choice; }

  const size_t capacity_;
  std::atomic<uint64_t> cancelled_ = 0;  ///< a bit for each choice
  absl::Mutex mu_;
  std::deque<GenerateDelta> deltas_ ABSL_GUARDED_BY(mu_);
  int32_t unfinished_ ABSL_GUARDED_BY(mu_);  ///< choices
};

/// The reader's end of `channel`.
std::unique_ptr<GenerationStream> MakeGenerationStream(std::shared_ptr<StreamChannel> channel);

}  // namespace hadal::inference
