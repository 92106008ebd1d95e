#pragma once

#include <string>

#include "base/status.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/config_fields.h"

namespace hadal::inference {

/// The part of ModelConfig that DeepSeek-V2 ("deepseek_v2") and V3/R1 ("deepseek_v3") have for
/// themselves: latent attention, experts, YaRN, FP8 weights. Sizes every decoder has are left to
/// ParseHfConfig. INVALID_ARGUMENT naming the field.
StatusOr<ModelConfig> ReadDeepseekConfig(const ConfigFields& fields, const std::string& model_type);

}  // namespace hadal::inference
