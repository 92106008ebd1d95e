#include "inference/model/memory_plan.h"

#include <algorithm>
#include <charconv>

#include "inference/kernels/packed_matrix.h"
#include "inference/model/load_weight.h"
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

/// The same of an encoder: five rows as wide as the stream, one as wide as its feed-forward part.
int64_t EncoderValuesPerRow(const ModelConfig& config) {
  return 5 * int64_t{config.hidden_dim} + config.ffn_dim;
}

/// What the rank of `plan` holds, `tensor_bytes` being its part of the file's tensors.
MemoryPlan PlanRank(const ModelConfig& config, const ShardPlan& plan,
                    const MemoryPlanOptions& options, int64_t tensor_bytes) {
  const bool encoder = config.architecture == "bert";
  MemoryPlan rank{.weight_bytes = tensor_bytes};
  const int64_t per_row = encoder ? EncoderValuesPerRow(config) : ValuesPerRow(config, plan);
  int64_t buffers = int64_t{options.max_batch_tokens} * per_row;
  if (!encoder) {
    buffers += int64_t{options.max_running} * config.vocabulary;
    ModelConfig local = config;
    local.num_kv_heads = plan.num_kv_heads(config);
    rank.kv_bytes_per_token = KvLayoutOf(local, options.decoder).BytesPerToken();
  }
  if (options.decoder.expanded_prefill && config.mla.kv_lora_rank > 0) {
    buffers += ExpandedBufferValues(config, config.context_length);
    rank.weight_bytes += int64_t{sizeof(float)} * config.num_layers * plan.num_heads(config) *
                         config.mla.qk_nope_head_dim * config.mla.kv_lora_rank;  // k_up
  }
  rank.buffer_bytes = int64_t{sizeof(float)} * buffers;
  return rank;
}

/// The same with kv_tokens of what memory is left; with memory_bytes 0 as it is.
StatusOr<MemoryPlan> WithKv(MemoryPlan plan, const MemoryPlanOptions& options) {
  if (options.memory_bytes == 0) return plan;
  const int64_t left = options.memory_bytes - plan.weight_bytes - plan.buffer_bytes;
  if (left >= plan.kv_bytes_per_token) {
    if (plan.kv_bytes_per_token > 0) plan.kv_tokens = left / plan.kv_bytes_per_token;
    return plan;
  }
  return ResourceExhausted(
      "{} bytes a rank do not hold {} of weights, {} of buffers and {} a token of KV cache; use "
      "more ranks, or fewer max_batch_tokens than {}",
      options.memory_bytes, plan.weight_bytes, plan.buffer_bytes, plan.kv_bytes_per_token,
      options.max_batch_tokens);
}

}  // namespace

StatusOr<int64_t> PackedBytesOf(const Checkpoint& checkpoint, const std::string& name,
                                const ShardPlan& plan) {
  const Weight& weight = *checkpoint.Find(name);
  const int64_t rows = weight.shape.empty() ? 1 : weight.shape[0];
  const int64_t cols = weight.shape.size() < 2 ? 1 : weight.shape[1];
  const TensorPart part = plan.PartOf(name, rows, cols);
  if (part.empty()) return 0;
  if (weight.shape.size() < 2) return part.rows.count() * int64_t{sizeof(float)};
  const auto type = ToElementType(weight.type);
  if (!type.ok()) return Annotate(type.status(), name);
  // Routers are widened; so are the keys and values of latent attention where their heads cannot be
  // cut out of blocks.
  const bool wide = name.ends_with("ffn_gate_inp.weight") ||
                    (name.ends_with("attn_kv_b.weight") && !IsFloat(*type));
  return PackedMatrix::PackedBytes(*type, part.rows.count(), part.cols.count(),
                                   wide ? PackPrecision::kFloat32 : PackPrecision::kStored);
}

bool IsOfDraft(const ModelConfig& config, std::string_view name) {
  if (!name.starts_with("blk.")) return false;
  int32_t layer = 0;
  std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer >= config.num_layers;
}

StatusOr<MemoryPlan> PlanMemory(const ModelConfig& config, const MemoryPlanOptions& options) {
  const ParallelLayout& layout = options.decoder.layout;
  MemoryPlan fullest;
  for (int32_t rank = 0; rank < layout.ranks; ++rank) {
    ASSIGN_OR_RETURN(const ShardPlan plan,
                     ShardPlan::Create(config, layout, rank, config.fp8_weights ? kFp8Block : 1,
                                       options.decoder.placements));
    int64_t weights = 0;
    for (const PlannedTensor& tensor : plan.Tensors(config, options.decoder.draft)) {
      weights += tensor.bytes;
    }
    const MemoryPlan found = PlanRank(config, plan, options, weights);
    if (found.weight_bytes > fullest.weight_bytes) fullest = found;
  }
  return WithKv(fullest, options);
}

StatusOr<MemoryPlan> PlanMemory(const Checkpoint& checkpoint, const MemoryPlanOptions& options) {
  const ModelConfig& config = checkpoint.config();
  const ParallelLayout& layout = options.decoder.layout;
  const std::vector<std::string> names = checkpoint.names();
  MemoryPlan fullest;
  for (int32_t rank = 0; rank < layout.ranks; ++rank) {
    ASSIGN_OR_RETURN(const ShardPlan plan,
                     ShardPlan::Create(config, layout, rank, ColumnBlockOf(checkpoint),
                                       options.decoder.placements));
    int64_t weights = 0;
    for (const std::string& name : names) {
      if (!options.decoder.draft && IsOfDraft(config, name)) continue;
      ASSIGN_OR_RETURN(const int64_t bytes, PackedBytesOf(checkpoint, name, plan));
      weights += bytes;
    }
    const MemoryPlan found = PlanRank(config, plan, options, weights);
    if (found.weight_bytes > fullest.weight_bytes) fullest = found;
  }
  return WithKv(fullest, options);
}

}  // namespace hadal::inference
