#include <utility>

#include "inference/model/deepseek_decoder.h"
#include "inference/model/models.h"

namespace hadal::inference {

/// DeepSeek-V3 and R1: experts by sigmoid with a bias for the choice only, among the groups with
/// the best pairs.
StatusOr<std::unique_ptr<Decoder>> LoadDeepseekV3(const Checkpoint& checkpoint,
                                                  const DecoderOptions& options, Device device) {
  const MoeConfig& moe = checkpoint.config().moe;
  if (moe.gate != ExpertGate::kSigmoidGroups || moe.num_experts < 2 * moe.num_groups) {
    return InvalidArgument(
        "deepseek_v3: expected a sigmoid gate and groups of at least two "
        "experts, found {} in {} groups",
        moe.num_experts, moe.num_groups);
  }
  return DeepseekDecoder::Load(checkpoint, options, std::move(device));
}

}  // namespace hadal::inference
