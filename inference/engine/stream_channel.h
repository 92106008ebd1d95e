#pragma once

#include <atomic>
#include <cstddef>
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
  explicit StreamChannel(int32_t capacity) : capacity_(static_cast<size_t>(capacity)) {}

  /// False when the reader lags `capacity` deltas behind: the delta is dropped.
  bool Push(GenerateDelta delta);
  /// The last delta; there is always room for it.
  void Finish(GenerateDelta delta);

  std::optional<GenerateDelta> Next(absl::Time deadline);

  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  const size_t capacity_;
  std::atomic<bool> cancelled_ = false;
  absl::Mutex mu_;
  std::deque<GenerateDelta> deltas_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

/// The reader's end of `channel`.
std::unique_ptr<GenerationStream> MakeGenerationStream(std::shared_ptr<StreamChannel> channel);

}  // namespace hadal::inference
