#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

/// How the next token is chosen. temperature 0 is greedy (ties: lower token id). Otherwise logits
/// are divided by the temperature, cut to the top_k largest, then to the smallest set whose
/// probabilities reach top_p, and what is left is drawn, in order of token ids, by a counter-based
/// generator keyed by (seed, position): the same request draws the same tokens whatever else runs.
struct SamplingParams {
  float temperature = 0.0f;
  int32_t top_k = 0;   ///< 0: off
  float top_p = 1.0f;  ///< 1: off
  uint64_t seed = 0;
  int32_t max_tokens = 512;
  std::vector<std::string> stop;  ///< at most 8, none empty, each at most 256 bytes
};

/// INVALID_ARGUMENT naming the field, its value and the allowed range.
Status ValidateSamplingParams(const SamplingParams& params);

}  // namespace hadal::inference
