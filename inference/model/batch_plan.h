#pragma once

#include <cstdint>
#include <vector>

#include "inference/kernels/attention.h"
#include "inference/kernels/device_buffer.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

/// What the layers need to know of a batch.
struct BatchPlan {
  int64_t num_rows = 0;
  std::vector<int32_t> tokens;
  std::vector<int32_t> positions;
  std::vector<int64_t> logits_rows;  ///< rows of the batch whose logits are wanted
  std::vector<int32_t> expanded_rows;  ///< per slice: the rows before its expanded_tokens
};

/// One layer's part of the cache for the slices of a batch.
struct LayerKv {
  KvRow key_row, value_row;         ///< what they look like
  std::vector<const void*> blocks;  ///< of every slice: K, then V where the layout has V
  std::vector<CausalSlice> slices;
  std::vector<void*> key_rows, value_rows;  ///< where each row's K and V go
};

/// Refuses slices that do not fit the model, their blocks, the cache or the room for logits.
Status ValidateBatch(const ModelConfig& config, const KvLayout& layout,
                     absl::Span<const SequenceSlice> batch, const KvCache& cache,
                     size_t num_logits);

BatchPlan PlanBatch(absl::Span<const SequenceSlice> batch);

/// Points `kv` at `layer`. With no V in the layout there are no value blocks and rows.
void BindLayer(int32_t layer, absl::Span<const SequenceSlice> batch, const BatchPlan& plan,
               KvCache& cache, LayerKv* kv);

/// Only the rows whose logits are asked for meet the vocabulary: copies them to the front of `to`
/// and returns them.
MatrixView GatherLogitsRows(const Device& device, const BatchPlan& plan, ConstMatrixView from,
                            DeviceBuffer& to);

}  // namespace hadal::inference
