#include <utility>

#include "inference/model/deepseek_decoder.h"
#include "inference/model/models.h"

namespace hadal::inference {

/// DeepSeek-V2 and V2-Lite: experts by softmax, among all of them or among the best groups; their
/// weights are not normalised.
StatusOr<std::unique_ptr<Decoder>> LoadDeepseekV2(const Checkpoint& checkpoint,
                                                  const DecoderOptions& options, Device device) {
  const MoeConfig& moe = checkpoint.config().moe;
  if (moe.gate == ExpertGate::kSigmoidGroups || moe.normalize_weights) {
    return InvalidArgument("deepseek_v2: expected a softmax gate without normalised weights");
  }
  return DeepseekDecoder::Load(checkpoint, options, std::move(device));
}

}  // namespace hadal::inference
