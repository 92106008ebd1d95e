#pragma once

#include <memory>

#include "inference/kernels/device.h"
#include "inference/model/decoder.h"

// One loader per architecture, one file each. LoadDecoder picks by ModelConfig::architecture.

namespace hadal::inference {

StatusOr<std::unique_ptr<Decoder>> LoadLlama(const Checkpoint& checkpoint,
                                             const DecoderOptions& options, Device device);
StatusOr<std::unique_ptr<Decoder>> LoadDeepseekV2(const Checkpoint& checkpoint,
                                                  const DecoderOptions& options, Device device);
StatusOr<std::unique_ptr<Decoder>> LoadDeepseekV3(const Checkpoint& checkpoint,
                                                  const DecoderOptions& options, Device device);
StatusOr<std::unique_ptr<Decoder>> LoadQwen2(const Checkpoint& checkpoint,
                                             const DecoderOptions& options, Device device);
StatusOr<std::unique_ptr<Decoder>> LoadQwen2Moe(const Checkpoint& checkpoint,
                                                const DecoderOptions& options, Device device);

}  // namespace hadal::inference
