#include "inference/model/batch_plan.h"

#include "inference/kernels/copy.h"

namespace hadal::inference {

Status ValidateBatch(const ModelConfig& config, const KvLayout& layout,
                     absl::Span<const SequenceSlice> batch, const KvCache& cache,
                     size_t num_logits) {
  const KvLayout& found = cache.layout();
  if (found != layout) {
    return InvalidArgument("the KV cache was made for another model: create it from kv_layout()");
  }
  size_t wanted = 0;
  for (const SequenceSlice& slice : batch) {
    const auto count = static_cast<int64_t>(slice.tokens.size());
    const int64_t capacity = static_cast<int64_t>(slice.block_table.size()) * cache.block_size();
    if (count == 0 || slice.position < 0 || slice.position + count > capacity) {
      return InvalidArgument("a slice of {} tokens at position {} does not fit its {} blocks of {}",
                             count, slice.position, slice.block_table.size(), cache.block_size());
    }
    if (slice.num_logits < 0 || slice.num_logits > count) {
      return InvalidArgument("logits of {} of {} tokens were asked for", slice.num_logits, count);
    }
    for (const int32_t token : slice.tokens) {
      if (token < 0 || token >= config.vocabulary) {
        return InvalidArgument("token {} is outside the vocabulary of {}", token,
                               config.vocabulary);
      }
    }
    for (const int32_t block : slice.block_table) {
      if (block < 0 || block >= cache.num_blocks()) {
        return InvalidArgument("block {} is outside the cache of {}", block, cache.num_blocks());
      }
    }
    wanted += static_cast<size_t>(slice.num_logits);
  }
  if (num_logits != wanted * static_cast<size_t>(config.vocabulary)) {
    return InvalidArgument("room for {} logits, but {} rows of {} are asked for", num_logits,
                           wanted, config.vocabulary);
  }
  return OkStatus();
}

BatchPlan PlanBatch(absl::Span<const SequenceSlice> batch) {
  BatchPlan plan;
  for (const SequenceSlice& slice : batch) {
    const auto count = static_cast<int32_t>(slice.tokens.size());
    plan.expanded_rows.push_back(std::clamp(slice.expanded_tokens - slice.position, 0, count));
    for (size_t i = 0; i < slice.tokens.size(); ++i) {
      plan.tokens.push_back(slice.tokens[i]);
      plan.positions.push_back(slice.position + static_cast<int32_t>(i));
      if (slice.tokens.size() - i <= static_cast<size_t>(slice.num_logits)) {
        plan.logits_rows.push_back(plan.num_rows);
      }
      ++plan.num_rows;
    }
  }
  return plan;
}

void BindLayer(int32_t layer, absl::Span<const SequenceSlice> batch, const BatchPlan& plan,
               KvCache& cache, LayerKv* kv) {
  const KvLayout& layout = cache.layout();
  const bool values = layout.v.values > 0;
  kv->key_row = layout.k;
  kv->value_row = layout.v;
  kv->blocks.clear();
  kv->slices.clear();
  kv->key_rows.clear();
  kv->value_rows.clear();
  const auto block_size = static_cast<size_t>(cache.block_size());
  for (const SequenceSlice& slice : batch) {
    for (const int32_t block : slice.block_table) {
      kv->blocks.push_back(cache.KeyBlock(layer, block));
    }
    for (size_t b = 0; values && b < slice.block_table.size(); ++b) {
      kv->blocks.push_back(cache.ValueBlock(layer, slice.block_table[b]));
    }
    for (size_t i = 0; i < slice.tokens.size(); ++i) {
      const auto position = static_cast<size_t>(plan.positions[kv->key_rows.size()]);
      const int32_t block = slice.block_table[position / block_size];
      const size_t offset = position % block_size;
      kv->key_rows.push_back(static_cast<uint8_t*>(cache.KeyBlock(layer, block)) +
                             offset * static_cast<size_t>(layout.k.bytes()));
      if (!values) continue;
      kv->value_rows.push_back(static_cast<uint8_t*>(cache.ValueBlock(layer, block)) +
                               offset * static_cast<size_t>(layout.v.bytes()));
    }
  }
  const void* const* blocks = kv->blocks.data();
  int64_t first_row = 0;
  for (const SequenceSlice& slice : batch) {
    const size_t count = slice.block_table.size();
    CausalSlice part;
    part.first_row = first_row;
    part.num_rows = static_cast<int32_t>(slice.tokens.size());
    part.position = slice.position;
    part.kv.key_blocks = {blocks, count};
    part.kv.value_blocks = {blocks + count, values ? count : 0};
    part.kv.block_size = cache.block_size();
    part.kv.dtype = layout.k.dtype;
    blocks += values ? 2 * count : count;
    first_row += part.num_rows;
    kv->slices.push_back(part);
  }
}

MatrixView GatherLogitsRows(const Device& device, const BatchPlan& plan, ConstMatrixView from,
                            DeviceBuffer& to) {
  const MatrixView rows =
      to.Reserve(device, static_cast<int64_t>(plan.logits_rows.size()), from.cols);
  CopyRows(device, from, plan.logits_rows, rows);
  return rows;
}

}  // namespace hadal::inference
