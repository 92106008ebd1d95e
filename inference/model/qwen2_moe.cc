#include <utility>

#include "inference/model/feed_forward.h"
#include "inference/model/gqa_decoder.h"
#include "inference/model/models.h"

namespace hadal::inference {

/// Qwen1.5-MoE and Qwen2-MoE: Qwen2 with experts by softmax, without groups, beside a shared expert
/// that has a gate of its own.
StatusOr<std::unique_ptr<Decoder>> LoadQwen2Moe(const Checkpoint& checkpoint,
                                                const DecoderOptions& options, Device device) {
  const ModelConfig& config = checkpoint.config();
  RETURN_IF_ERROR(CheckExperts(config));
  if (config.moe.gate != ExpertGate::kSoftmax || !config.moe.gated_shared) {
    return InvalidArgument("qwen2_moe: expected a softmax gate and a gated shared expert");
  }
  return GqaDecoder::Load(checkpoint, {.attention_bias = true}, options, std::move(device));
}

}  // namespace hadal::inference
