#include "inference/model/deepseek_weights.h"

#include <cstring>
#include <utility>

#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

size_t RowBytes(const WeightPart& matrix) {
  return static_cast<size_t>(matrix.cols) * static_cast<size_t>(TraitsOf(matrix.type).block_bytes);
}

// This rank's heads of the matrix, in values that are whole bytes: what can be cut and transposed.
StatusOr<WeightPart> ReadKvB(const Checkpoint& checkpoint, const ShardPlan& plan,
                             const std::string& name, PackPrecision precision) {
  const ModelConfig& config = checkpoint.config();
  const MlaConfig& mla = config.mla;
  const int64_t rows = int64_t{config.num_heads} * (mla.qk_nope_head_dim + mla.v_head_dim);
  ASSIGN_OR_RETURN(WeightPart part,
                   ReadPart(checkpoint, plan, name, rows, mla.kv_lora_rank, precision));
  const bool on_grid = mla.qk_nope_head_dim % kFp8Block == 0 && mla.v_head_dim % kFp8Block == 0;
  if (IsFloat(part.type) && (part.type != ElementType::kF8E4M3 || on_grid)) return part;
  return ReadPart(checkpoint, plan, name, rows, mla.kv_lora_rank, PackPrecision::kFloat32);
}

/// Rows [first, first + count) as columns: [cols, count].
std::vector<uint8_t> TransposeRows(const WeightPart& matrix, int64_t first, int64_t count) {
  const auto bytes = static_cast<size_t>(TraitsOf(matrix.type).block_bytes);
  std::vector<uint8_t> out(static_cast<size_t>(count) * RowBytes(matrix));
  for (int64_t r = 0; r < count; ++r) {
    const uint8_t* from = matrix.data.data() + static_cast<size_t>(first + r) * RowBytes(matrix);
    uint8_t* to = out.data() + static_cast<size_t>(r) * bytes;
    for (int64_t c = 0; c < matrix.cols; ++c, from += bytes) {
      std::memcpy(to + static_cast<size_t>(c * count) * bytes, from, bytes);
    }
  }
  return out;
}

/// The scales of those rows, transposed likewise; rows are whole blocks. Empty without scales.
std::vector<float> TransposeScales(const WeightPart& matrix, int64_t first, int64_t count) {
  std::vector<float> out;
  if (matrix.scales.empty()) return out;
  const int64_t blocks = Fp8Blocks(matrix.cols);
  for (int64_t c = 0; c < blocks; ++c) {
    for (int64_t r = first / kFp8Block; r < (first + count) / kFp8Block; ++r) {
      out.push_back(matrix.scales[static_cast<size_t>(r * blocks + c)]);
    }
  }
  return out;
}

Status SplitKvB(const Checkpoint& checkpoint, const ShardPlan& plan, const std::string& name,
                PackPrecision precision, const Device& device, MlaWeights* weights) {
  const ModelConfig& config = checkpoint.config();
  const int64_t nope = config.mla.qk_nope_head_dim;
  const int64_t value = config.mla.v_head_dim;
  const int64_t latent = config.mla.kv_lora_rank;
  ASSIGN_OR_RETURN(const WeightPart kv_b, ReadKvB(checkpoint, plan, name, precision));
  for (int64_t head = 0; head < plan.num_heads(config); ++head) {
    const int64_t first = head * (nope + value);
    auto k = PackedMatrix::Pack(kv_b.type, latent, nope, TransposeRows(kv_b, first, nope),
                                precision, device, TransposeScales(kv_b, first, nope));
    if (!k.ok()) return Annotate(k.status(), name);
    const auto at = static_cast<size_t>(first + nope);
    absl::Span<const float> scales;
    if (!kv_b.scales.empty()) {
      const auto blocks = static_cast<size_t>(Fp8Blocks(latent));
      scales = kv_b.scales.subspan(at / kFp8Block * blocks,
                                   static_cast<size_t>(value) / kFp8Block * blocks);
    }
    auto v = PackedMatrix::Pack(
        kv_b.type, value, latent,
        kv_b.data.subspan(at * RowBytes(kv_b), static_cast<size_t>(value) * RowBytes(kv_b)),
        precision, device, scales);
    if (!v.ok()) return Annotate(v.status(), name);
    weights->k_b.push_back(*std::move(k));
    weights->v_b.push_back(*std::move(v));
  }
  return OkStatus();
}

/// Tensors of one layer by the end of their names.
class LayerLoader {
 public:
  LayerLoader(const Checkpoint& checkpoint, const ShardPlan& plan, int32_t index,
              PackPrecision precision, const Device& device)
      : checkpoint_(checkpoint),
        plan_(plan),
        config_(checkpoint.config()),
        prefix_(fmt::format("blk.{}.", index)),
        precision_(precision),
        device_(device) {}

  Status Attention(MlaWeights* out) const {
    const MlaConfig& mla = config_.mla;
    const int64_t hidden = config_.hidden_dim;
    const int64_t q_rows = int64_t{config_.num_heads} * config_.head_dim;
    if (mla.q_lora_rank > 0) {
      RETURN_IF_ERROR(Matrix("attn_q_a.weight", mla.q_lora_rank, hidden, &out->q_a));
      RETURN_IF_ERROR(Vector("attn_q_a_norm.weight", mla.q_lora_rank, &out->q_a_norm));
      RETURN_IF_ERROR(Matrix("attn_q_b.weight", q_rows, mla.q_lora_rank, &out->q_b));
    } else {
      RETURN_IF_ERROR(Matrix("attn_q.weight", q_rows, hidden, &out->q_b));
    }
    const int64_t cached = int64_t{mla.kv_lora_rank} + mla.qk_rope_head_dim;
    RETURN_IF_ERROR(Matrix("attn_kv_a_mqa.weight", cached, hidden, &out->kv_a));
    RETURN_IF_ERROR(Vector("attn_kv_a_norm.weight", mla.kv_lora_rank, &out->kv_a_norm));
    RETURN_IF_ERROR(KeysAndValues(out));
    return Matrix("attn_output.weight", hidden, int64_t{config_.num_heads} * mla.v_head_dim,
                  &out->o);
  }

  Status Vector(const char* name, int64_t size, DeviceBuffer* out) const {
    ASSIGN_OR_RETURN(*out, LoadVector(checkpoint_, plan_, prefix_ + name, size, device_));
    return OkStatus();
  }

 private:
  Status Matrix(const std::string& name, int64_t rows, int64_t cols, PackedMatrix* out) const {
    ASSIGN_OR_RETURN(*out, LoadMatrix(checkpoint_, plan_, prefix_ + name, rows, cols, precision_,
                                      device_));
    return OkStatus();
  }

  // Stored per head in newer GGUF files, as one matrix in older ones and in folders.
  Status KeysAndValues(MlaWeights* out) const {
    if (!checkpoint_.Has(prefix_ + "attn_k_b.0.weight")) {
      return SplitKvB(checkpoint_, plan_, prefix_ + "attn_kv_b.weight", precision_, device_, out);
    }
    const MlaConfig& mla = config_.mla;
    const int32_t count = plan_.num_heads(config_);
    const int32_t first = plan_.rank() % plan_.layout().tensor_parallel * count;
    for (int32_t h = first; h < first + count; ++h) {
      RETURN_IF_ERROR(Matrix(fmt::format("attn_k_b.{}.weight", h), mla.kv_lora_rank,
                             mla.qk_nope_head_dim, &out->k_b.emplace_back()));
      RETURN_IF_ERROR(Matrix(fmt::format("attn_v_b.{}.weight", h), mla.v_head_dim,
                             mla.kv_lora_rank, &out->v_b.emplace_back()));
    }
    return OkStatus();
  }

  const Checkpoint& checkpoint_;
  const ShardPlan& plan_;
  const ModelConfig& config_;
  const std::string prefix_;
  const PackPrecision precision_;
  const Device& device_;
};

}  // namespace

StatusOr<DeepseekLayer> LoadDeepseekLayer(const Checkpoint& checkpoint, const ShardPlan& plan,
                                          int32_t index, PackPrecision precision,
                                          const Device& device) {
  const ModelConfig& config = checkpoint.config();
  const LayerLoader loader(checkpoint, plan, index, precision, device);
  DeepseekLayer layer;
  RETURN_IF_ERROR(loader.Vector("attn_norm.weight", config.hidden_dim, &layer.attention_norm));
  RETURN_IF_ERROR(loader.Attention(&layer.attention));
  RETURN_IF_ERROR(loader.Vector("ffn_norm.weight", config.hidden_dim, &layer.ffn_norm));
  ASSIGN_OR_RETURN(layer.feed_forward, LoadFeedForward(checkpoint, plan, index, precision, device));
  return layer;
}

StatusOr<DeepseekDraft> LoadDeepseekDraft(const Checkpoint& checkpoint, const ShardPlan& plan,
                                          int32_t index, PackPrecision precision,
                                          const Device& device) {
  const ModelConfig& config = checkpoint.config();
  const int64_t hidden = config.hidden_dim;
  const std::string prefix = fmt::format("blk.{}.nextn.", index);
  DeepseekDraft draft;
  ASSIGN_OR_RETURN(draft.embedding_norm,
                   LoadVector(checkpoint, plan, prefix + "enorm.weight", hidden, device));
  ASSIGN_OR_RETURN(draft.hidden_norm,
                   LoadVector(checkpoint, plan, prefix + "hnorm.weight", hidden, device));
  const std::string output_norm = prefix + "shared_head_norm.weight";
  ASSIGN_OR_RETURN(draft.output_norm,
                   LoadVector(checkpoint, plan, output_norm, hidden, device));
  ASSIGN_OR_RETURN(draft.projection, LoadMatrix(checkpoint, plan, prefix + "eh_proj.weight", hidden,
                                                2 * hidden, precision, device));
  const auto shared_or = [&](const char* name, PackedMatrix* out) {
    if (!checkpoint.Has(prefix + name)) return OkStatus();
    ASSIGN_OR_RETURN(*out, LoadMatrix(checkpoint, plan, prefix + name, config.vocabulary, hidden,
                                      precision, device));
    return OkStatus();
  };
  RETURN_IF_ERROR(shared_or("embed_tokens.weight", &draft.embedding));
  RETURN_IF_ERROR(shared_or("shared_head_head.weight", &draft.output));
  return draft;
}

}  // namespace hadal::inference
