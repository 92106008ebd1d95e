#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/kernels/device_buffer.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/kernels/rope.h"
#include "inference/model/batch_plan.h"
#include "inference/model/decoder.h"
#include "inference/model/deepseek_weights.h"
#include "inference/model/feed_forward.h"
#include "inference/model/mla_attention.h"
#include "inference/model/model_ranks.h"

namespace hadal::inference {

/// The transformer that DeepSeek-V2 (arXiv:2405.04434) and V3/R1 (arXiv:2412.19437) share: RMSNorm
/// before each part, latent attention over a cache of kv_lora_rank + qk_rope_head_dim values a
/// token and layer, first layers dense, then routed experts beside shared ones. They differ in the
/// router (MoeConfig::gate). On many ranks the parts of a layer are cut as ShardPlan says, and
/// ranks meet after each part. Thread-compatible.
class DeepseekDecoder final : public Decoder {
 public:
  static StatusOr<std::unique_ptr<Decoder>> Load(const Checkpoint& checkpoint,
                                                 const DecoderOptions& options, Device device);

  const ModelConfig& config() const override { return config_; }
  const KvLayout& kv_layout() const override { return kv_layout_; }
  Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                 absl::Span<float> logits) override;
  bool can_draft() const override { return draft_.has_value(); }
  Status Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
               absl::Span<float> logits) override;
  PlacedExperts* placed_experts() override { return feed_forward_.placed_experts(); }

 private:
  DeepseekDecoder(const ModelConfig& config, const DecoderOptions& options, Device device,
                  std::unique_ptr<ModelRanks> ranks);
  Status LoadWeights(const Checkpoint& checkpoint, PackPrecision precision);
  Status CheckExpanded(const BatchPlan& plan) const;
  Status RunLayer(int32_t index, int64_t num_rows, absl::Span<const int32_t> expanded_rows);
  void KeepForDraft(int64_t num_rows);
  Status CombineForDraft(absl::Span<const SequenceSlice> batch, const BatchPlan& plan);
  Status ProjectLast(const char* name, const BatchPlan& plan, const DeviceBuffer& norm,
                     const PackedMatrix& output, absl::Span<float> logits);
  void Trace(const char* part, int32_t layer, ConstMatrixView x) const;

  const ModelConfig config_;
  const KvLayout kv_layout_;
  const Device device_;
  DecoderTrace* const trace_;
  const bool expanded_prefill_;
  const std::unique_ptr<ModelRanks> ranks_;
  PackedMatrix embedding_;
  PackedMatrix output_;  ///< empty when tied: the embedding is used
  DeviceBuffer output_norm_;
  std::vector<DeepseekLayer> layers_;  ///< num_layers, then that of draft_
  std::optional<DeepseekDraft> draft_;
  RopeTable rope_;
  MlaAttention attention_;
  FeedForward feed_forward_;
  LayerKv kv_;
  int64_t kept_rows_ = 0;                        // of kept_
  DeviceBuffer kept_;                      // [rows of Forward(), hidden], normed; to draft
  DeviceBuffer pair_;                      // [rows, 2 * hidden]
  DeviceBuffer residual_, normed_, part_;  // [rows, hidden]
};

}  // namespace hadal::inference
