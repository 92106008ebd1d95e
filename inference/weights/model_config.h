#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// Refuses a shape no model has, before anything is allocated from it. INVALID_ARGUMENT naming the
/// field, its value and the allowed range. `path` goes into the message.
Status ValidateModelConfig(const ModelConfig& config, std::string_view path);

/// Factors of Llama 3's rotary scaling: frequencies whose wavelength is beyond the original context
/// are divided by `factor`, the short ones kept, those between interpolated. head_dim / 2 values.
/// Source: transformers, modeling_rope_utils `llama3`; arXiv:2407.21783 §3.
struct Llama3Scaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_context = 8192;
};
std::vector<float> Llama3FreqFactors(const Llama3Scaling& scaling, double rope_theta,
                                     int32_t head_dim);

/// ModelConfig of a Hugging Face folder's config.json. INVALID_ARGUMENT naming the field.
StatusOr<ModelConfig> ParseHfConfig(std::string_view json_text, std::string_view path);

}  // namespace hadal::inference
