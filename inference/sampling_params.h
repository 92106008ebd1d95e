#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::inference {

/// Is added to a token's logit; -100 practically forbids it, 100 practically forces it.
struct LogitBias {
  int32_t token = 0;
  float bias = 0;  ///< -100 to 100
};

/// How the next token is chosen. First logits change: by the repetition penalty (arXiv:1909.05858),
/// the presence and frequency penalties and the bias, in this order. Then temperature 0 is greedy
/// (ties: lower token id); otherwise logits are divided by the temperature, cut to the top_k
/// largest, to those at least min_p times as probable as the best, then to the smallest set whose
/// probabilities reach top_p, and what is left is drawn, in order of token ids, by a counter-based
/// generator keyed by (seed, position): the same request draws the same tokens whatever else runs.
struct SamplingParams {
  /// Off: top_logprobs of a request that wants no log probabilities.
  static constexpr int32_t kNoLogprobs = -1;

  float temperature = 0.0f;
  int32_t top_k = 0;   ///< 0: off
  float top_p = 1.0f;  ///< 1: off
  float min_p = 0.0f;  ///< 0: off; below 1
  /// Of tokens in the prompt or generated, positive logits are divided by it and negative ones
  /// multiplied. 1: off; above 0, at most 10.
  float repetition_penalty = 1.0f;
  float presence_penalty = 0.0f;   ///< taken from logits of generated tokens; -2 to 2
  float frequency_penalty = 0.0f;  ///< the same, times how often each was generated
  std::vector<LogitBias> logit_bias;  ///< at most 1024, token ids ascending
  /// So many of the best alternatives are reported with every token's log probability; 0: the
  /// token's own only. At most 20. Probabilities are those of the model: before all of the above.
  int32_t top_logprobs = kNoLogprobs;
  uint64_t seed = 0;
  int32_t max_tokens = 512;
  std::vector<std::string> stop;  ///< at most 8, none empty, each at most 256 bytes
};

/// INVALID_ARGUMENT naming the field, its value and the allowed range. Token ids are only known to
/// be possible: the vocabulary is the engine's.
Status ValidateSamplingParams(const SamplingParams& params);

}  // namespace hadal::inference
