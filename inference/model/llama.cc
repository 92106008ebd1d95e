#include <utility>

#include "inference/model/gqa_decoder.h"
#include "inference/model/models.h"

namespace hadal::inference {

/// Llama 2 and 3, SmolLM2, R1-Distill-Llama: no biases; the GGUF converter permutes the query and
/// key rows, which ModelConfig::rope_interleaved says.
StatusOr<std::unique_ptr<Decoder>> LoadLlama(const Checkpoint& checkpoint,
                                             const DecoderOptions& options, Device device) {
  return GqaDecoder::Load(checkpoint, {.attention_bias = false}, options, std::move(device));
}

}  // namespace hadal::inference
