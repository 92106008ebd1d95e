#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434 §2.1): K and V of all heads come from
/// one compressed row of kv_lora_rank values, beside one rotated key of qk_rope_head_dim.
struct MlaConfig {
  int32_t q_lora_rank = 0;   ///< 0: queries are not compressed
  int32_t kv_lora_rank = 0;  ///< 0: the model has no latent attention
  int32_t qk_nope_head_dim = 0;
  int32_t qk_rope_head_dim = 0;
  int32_t v_head_dim = 0;
};

/// Far above what any published model has (V3: 256).
inline constexpr int32_t kMaxExperts = 4096;

/// How a token's experts are scored and chosen. Groups are num_experts / num_groups in a row.
enum class ExpertGate {
  kSoftmax,        ///< softmax over all experts, the best (DeepSeek-V2-Lite, Qwen2-MoE)
  kSoftmaxGroups,  ///< the same among the groups with the best experts (DeepSeek-V2)
  /// sigmoid, plus a bias that is for the choice only; groups, of at least two, by the sum of their
  /// two best (DeepSeek-V3, arXiv:2412.19437 §2.1.2)
  kSigmoidGroups,
};

/// Mixture of experts in the feed-forward part (DeepSeekMoE, arXiv:2401.06066; Qwen2-MoE).
struct MoeConfig {
  int32_t num_experts = 0;  ///< 0: the model has none
  int32_t experts_per_token = 0;
  int32_t expert_ffn_dim = 0;
  int32_t shared_ffn_dim = 0;  ///< width of the MLP that is all shared experts; 0: none
  bool gated_shared = false;   ///< shared experts count by a sigmoid gate of their own (Qwen2-MoE)
  // Which layers have a dense feed-forward part: those before this one,
  int32_t first_dense_layers = 0;
  int32_t sparse_step = 1;            ///< those whose index + 1 is no multiple of it,
  std::vector<int32_t> dense_layers;  ///< and these, ascending.
  int32_t num_groups = 1;          ///< divides num_experts
  int32_t groups_per_token = 1;
  ExpertGate gate = ExpertGate::kSoftmax;
  bool normalize_weights = false;
  float weight_scale = 1;
};

/// The shape of a model, from GGUF metadata or config.json. Every field was checked on load.
struct ModelConfig {
  /// "qwen2", "qwen2_moe", "llama", "deepseek_v2", "deepseek_v3", "bert"
  std::string architecture;
  int32_t num_layers = 0;
  int32_t hidden_dim = 0;
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;  ///< of queries; with latent attention qk_nope + qk_rope
  int32_t ffn_dim = 0;
  int32_t vocabulary = 0;
  int32_t context_length = 0;
  float rope_theta = 10000.0f;
  float norm_eps = 1e-6f;
  /// Llama weights converted to GGUF are permuted so that pairs are (2j, 2j+1); Hugging Face
  /// folders and qwen2 GGUF files keep halves (j, j + head_dim / 2).
  bool rope_interleaved = false;
  /// [RopeDim() / 2]: each inverse frequency is divided by its factor (Llama 3, YaRN). Empty: 1.
  std::vector<float> rope_freq_factors;
  float rope_magnitude = 1;   ///< on cosines and sines (YaRN)
  float attention_scale = 0;  ///< on dot products of attention; 0: head_dim^-0.5
  MlaConfig mla;
  MoeConfig moe;
  int32_t num_nextn_layers = 0;  ///< multi-token prediction layers, after the num_layers others
  bool fp8_weights = false;      ///< matrices may be E4M3 with 128 x 128 block scales
  /// Row of the position table that belongs to position 0: XLM-R folders keep two rows for padding.
  int32_t position_offset = 0;
  bool tied_embeddings = false;
  std::string chat_template;  ///< jinja text of the file; only identified, never run

  /// Whether layer `index` has routed experts; multi-token prediction layers follow the others.
  bool HasExperts(int32_t index) const {
    return moe.num_experts > 0 && index >= moe.first_dense_layers &&
           (index + 1) % moe.sparse_step == 0 &&
           !std::binary_search(moe.dense_layers.begin(), moe.dense_layers.end(), index);
  }
  /// How many values of a head are rotated.
  int32_t RopeDim() const { return mla.kv_lora_rank > 0 ? mla.qk_rope_head_dim : head_dim; }
};

/// One weight as stored: a matrix is [out_features, in_features], rows of whole blocks.
struct Weight {
  GgmlType type = GgmlType::kF32;
  std::vector<int64_t> shape;
  absl::Span<const uint8_t> data;  ///< lives as long as the Checkpoint
  /// Of kF8E4M3: [ceil(rows / 128), ceil(cols / 128)], one float32 per block of 128 x 128 weights.
  absl::Span<const float> scales;
};

/// By name.
using Weights = std::map<std::string, Weight, std::less<>>;

/// A model's weights by the GGUF naming ("token_embd.weight", "blk.3.attn_q.weight", ...), whatever
/// the container: a GGUF file or a Hugging Face folder (config.json and safetensors), whose names
/// are mapped. Thread-safe (const after Open).
class Checkpoint {
 public:
  /// INVALID_ARGUMENT naming the file and the field; UNIMPLEMENTED naming the architecture.
  static StatusOr<std::unique_ptr<Checkpoint>> Open(const std::string& path);
  virtual ~Checkpoint() = default;
  virtual const ModelConfig& config() const = 0;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  /// NOT_FOUND naming the tensor; INVALID_ARGUMENT when the shape differs from `shape`.
  StatusOr<Weight> Get(std::string_view name, const std::vector<int64_t>& shape) const;
  /// nullptr when absent.
  virtual const Weight* Find(std::string_view name) const = 0;
  /// Every tensor name, sorted.
  virtual std::vector<std::string> names() const = 0;
  virtual const std::string& path() const = 0;
  /// After `weight` of this checkpoint was read: its pages may leave memory, so that who packs a
  /// model does not hold it twice. It can be read again.
  virtual void Forget(const Weight& /*weight*/) const {}
  /// Before weights are read long after Open(): an error naming a file that is gone or became
  /// shorter. One that changes in the same moment is not noticed.
  virtual Status CheckFiles() const { return OkStatus(); }
};

/// The jinja text a model file or folder carries, empty when it has none. Opens no weights.
StatusOr<std::string> ReadChatTemplate(const std::string& path);

}  // namespace hadal::inference
