#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/engine/scheduler.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

/// Runs batches through the decoder. Thread-compatible: confined to the engine thread.
class ModelRunner {
 public:
  ModelRunner(std::shared_ptr<Decoder> decoder, std::shared_ptr<KvCache> cache)
      : decoder_(std::move(decoder)), cache_(std::move(cache)) {}

  /// Runs every slice; K and V of its tokens are in the cache afterwards. Fills in
  /// ScheduledSlice::first_row. The decoder's error when it fails; then none of the batch's new K
  /// and V can be trusted.
  Status Run(Batch& batch);

  /// Logits [vocabulary]: `row` counts the slices' rows (ScheduledSlice::num_logits) of the last
  /// batch; valid until Run().
  absl::Span<const float> Logits(int32_t row) const;

 private:
  const std::shared_ptr<Decoder> decoder_;
  const std::shared_ptr<KvCache> cache_;
  std::vector<SequenceSlice> slices_;
  std::vector<std::vector<int32_t>> drafted_;  ///< tokens of slices with a draft
  std::vector<float> logits_;                 ///< [rows, vocabulary]
};

}  // namespace hadal::inference
