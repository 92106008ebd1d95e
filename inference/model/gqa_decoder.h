#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/kernels/attention.h"
#include "inference/kernels/device_buffer.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/kernels/rope.h"
#include "inference/model/batch_plan.h"
#include "inference/model/decoder.h"
#include "inference/model/feed_forward.h"
#include "inference/model/model_ranks.h"

namespace hadal::inference {

/// How a model of this family differs from the others.
struct GqaDecoderTraits {
  bool attention_bias = false;  ///< biases on the query, key and value projections
};

/// The transformer that Llama (arXiv:2407.21783), Qwen2 and Qwen2-MoE (arXiv:2407.10671) share:
/// RMSNorm before each part, rotary positions, grouped-query attention, SwiGLU or experts of it.
/// On many ranks the parts of a layer are cut as ShardPlan says, and ranks meet after each part.
/// Thread-compatible.
class GqaDecoder final : public Decoder {
 public:
  static StatusOr<std::unique_ptr<Decoder>> Load(const Checkpoint& checkpoint,
                                                 const GqaDecoderTraits& traits,
                                                 const DecoderOptions& options, Device device);

  const ModelConfig& config() const override { return config_; }
  const KvLayout& kv_layout() const override { return kv_layout_; }
  Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                 absl::Span<float> logits) override;
  PlacedExperts* placed_experts() override { return feed_forward_.placed_experts(); }

 private:
  struct Layer {
    DeviceBuffer attention_norm;
    PackedMatrix q, k, v, o;
    DeviceBuffer q_bias, k_bias, v_bias;  ///< empty without attention_bias
    DeviceBuffer ffn_norm;
    FeedForwardWeights feed_forward;
  };

  /// Activations, kept between calls; [rows, columns named].
  struct Activations {
    DeviceBuffer residual, normed, part;  // hidden
    DeviceBuffer query, attended;         // heads * head_dim
    DeviceBuffer key, value;              // kv heads * head_dim
  };

  GqaDecoder(ModelConfig config, const DecoderOptions& options, Device device,
             std::unique_ptr<ModelRanks> ranks);
  Status LoadLayer(const Checkpoint& checkpoint, const GqaDecoderTraits& traits, int32_t index,
                   PackPrecision precision, Layer* layer);
  Status RunLayer(int32_t index, int64_t num_rows);
  void Attend(const Layer& layer, ConstMatrixView x, MatrixView out);
  void Trace(const char* part, int32_t layer, ConstMatrixView x) const;

  const ModelConfig config_;
  const std::unique_ptr<ModelRanks> ranks_;
  const ModelConfig local_;  ///< with this rank's heads
  const KvLayout kv_layout_;
  const AttentionShape attention_shape_;
  const Device device_;
  DecoderTrace* const trace_;
  PackedMatrix embedding_;
  PackedMatrix output_;  ///< empty when tied: the embedding is used
  DeviceBuffer output_norm_;
  std::vector<Layer> layers_;
  RopeTable rope_;
  FeedForward feed_forward_;
  Activations act_;
  LayerKv kv_;
};

}  // namespace hadal::inference
