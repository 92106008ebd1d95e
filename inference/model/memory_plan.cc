#include "inference/model/memory_plan.h"

#include <algorithm>

#include "inference/kernels/packed_matrix.h"
#include "inference/model/mla_expanded.h"

namespace hadal::inference {
namespace {

/// Float32 values of one row of a step, by the decoders' buffers.
int64_t ValuesPerRow(const ModelConfig& config, const ShardPlan& plan) {
  const MlaConfig& mla = config.mla;
  const MoeConfig& moe = config.moe;
  const int64_t heads = plan.num_heads(config);
  int64_t values = 3 * int64_t{config.hidden_dim};  // residual, normed, part
  values += 2 * std::max(config.ffn_dim, moe.shared_ffn_dim);
  if (mla.kv_lora_rank > 0) {
    const int64_t cached = int64_t{mla.kv_lora_rank} + mla.qk_rope_head_dim;
    values += mla.q_lora_rank + cached;
    values += heads * (config.head_dim + cached + mla.kv_lora_rank + mla.v_head_dim);
  } else {
    values += 2 * (heads + plan.num_kv_heads(config)) * config.head_dim;
  }
  // Each of a token's experts has its input, gate, up and output.
  values += moe.num_experts + int64_t{moe.experts_per_token} *
                                  (2 * int64_t{config.hidden_dim} + 2 * moe.expert_ffn_dim);
  return values;
}

}  // namespace

StatusOr<MemoryPlan> PlanMemory(const ModelConfig& config, const MemoryPlanOptions& options) {
  const ParallelLayout& layout = options.decoder.layout;
  MemoryPlan fullest;
  for (int32_t rank = 0; rank < layout.ranks; ++rank) {
    ASSIGN_OR_RETURN(const ShardPlan plan,
                     ShardPlan::Create(config, layout, rank, config.fp8_weights ? kFp8Block : 1,
                                       options.decoder.placements));
    const bool expands = options.decoder.expanded_prefill && config.mla.kv_lora_rank > 0;
    int64_t weights = 0;
    if (expands) {  // MlaWeights::k_up
      weights += 4 * int64_t{config.num_layers} * plan.num_heads(config) *
                 config.mla.qk_nope_head_dim * config.mla.kv_lora_rank;
    }
    for (const PlannedTensor& tensor : plan.Tensors(config)) weights += tensor.bytes;
    if (weights <= fullest.weight_bytes) continue;
    fullest.weight_bytes = weights;
    ModelConfig local = config;
    local.num_kv_heads = plan.num_kv_heads(config);
    fullest.kv_bytes_per_token = KvLayoutOf(local, options.decoder).BytesPerToken();
    fullest.buffer_bytes = 4 * (options.max_batch_tokens * ValuesPerRow(config, plan) +
                                int64_t{options.max_running} * config.vocabulary);
    if (expands) fullest.buffer_bytes += 4 * ExpandedBufferValues(config, config.context_length);
  }
  const int64_t left = options.memory_bytes - fullest.weight_bytes - fullest.buffer_bytes;
  fullest.kv_tokens = left / fullest.kv_bytes_per_token;
  if (left < fullest.kv_bytes_per_token) {
    return ResourceExhausted(
        "{} bytes a rank do not hold {} of weights, {} of buffers and {} a token of KV cache; use "
        "more ranks, or fewer max_batch_tokens than {}",
        options.memory_bytes, fullest.weight_bytes, fullest.buffer_bytes,
        fullest.kv_bytes_per_token, options.max_batch_tokens);
  }
  return fullest;
}

}  // namespace hadal::inference
