#include <utility>

#include "inference/model/gqa_decoder.h"
#include "inference/model/models.h"

namespace hadal::inference {

/// Qwen2, Qwen2.5, R1-Distill-Qwen: biases on query, key and value, none on the output.
StatusOr<std::unique_ptr<Decoder>> LoadQwen2(const Checkpoint& checkpoint,
                                             const DecoderOptions& options, Device device) {
  return GqaDecoder::Load(checkpoint, {.attention_bias = true}, options, std::move(device));
}

}  // namespace hadal::inference
