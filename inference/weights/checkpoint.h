#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {

/// The shape of a model, from GGUF metadata or config.json. Every field was checked on load.
struct ModelConfig {
  std::string architecture;  ///< "qwen2", "llama", "bert"
  int32_t num_layers = 0;
  int32_t hidden_dim = 0;
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  int32_t ffn_dim = 0;
  int32_t vocabulary = 0;
  int32_t context_length = 0;
  float rope_theta = 10000.0f;
  float norm_eps = 1e-6f;
  /// Llama weights converted to GGUF are permuted so that pairs are (2j, 2j+1); Hugging Face
  /// folders and qwen2 GGUF files keep halves (j, j + head_dim / 2).
  bool rope_interleaved = false;
  /// [head_dim / 2]: each inverse frequency is divided by its factor (Llama 3 scaling). Empty: 1.
  std::vector<float> rope_freq_factors;
  /// Row of the position table that belongs to position 0: XLM-R folders keep two rows for padding.
  int32_t position_offset = 0;
  bool tied_embeddings = false;
  std::string chat_template;  ///< jinja text of the file; only identified, never run
};

/// One weight as stored: a matrix is [out_features, in_features], rows of whole blocks.
struct Weight {
  GgmlType type = GgmlType::kF32;
  std::vector<int64_t> shape;
  absl::Span<const uint8_t> data;  ///< lives as long as the Checkpoint
};

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
};

/// The jinja text a model file or folder carries, empty when it has none. Opens no weights.
StatusOr<std::string> ReadChatTemplate(const std::string& path);

}  // namespace hadal::inference
