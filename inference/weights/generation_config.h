#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

/// What generation_config.json of a Hugging Face folder says. Its sampling defaults (temperature,
/// top_p) are not taken over: a request says what it wants, and says nothing for greedy.
struct GenerationConfig {
  std::vector<int32_t> end_tokens;  ///< "eos_token_id": a number, or a list of up to 64
};

/// Of the folder at `path`; empty without the file. INVALID_ARGUMENT naming the field.
StatusOr<GenerationConfig> ReadGenerationConfig(const std::string& path);

}  // namespace hadal::inference
