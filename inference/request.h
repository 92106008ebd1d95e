#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "inference/sampling_params.h"

namespace hadal::inference {

class Constraint;

inline constexpr int32_t kMaxPriority = 3;
inline constexpr int32_t kMaxChoices = 64;

/// One prompt and what is generated behind it: token ids in, text out.
struct GenerateRequest {
  std::vector<int32_t> prompt_tokens;  ///< not empty; prompt + max_tokens fit the context
  SamplingParams sampling;
  /// So many answers, 1 to kMaxChoices and at most the engine's max_running; the prompt is computed
  /// once. Choice k gets what this request with n = 1 and the seed ChoiceSeed(seed, k) gets.
  int32_t n = 1;
  /// What the text must look like (constraint.h), compiled for the engine's tokenizer; null: free.
  /// The sequence ends with kStop when nothing may follow.
  std::shared_ptr<const Constraint> constraint;
  std::string cache_namespace;  ///< key of the prefix cache; empty: blocks are shared with nobody
  /// Whom the tokens are for: tenants that wait get the engine in equal shares of tokens.
  std::string tenant;
  int32_t priority = 0;  ///< class -kMaxPriority to kMaxPriority; the higher one goes first
  absl::Time deadline = absl::InfiniteFuture();
};

/// The seed of a choice: choice 0 has the request's own, the others differ from it and each other.
inline uint64_t ChoiceSeed(uint64_t seed, int32_t choice) {
  return seed ^ (static_cast<uint64_t>(choice) * 0x9E3779B97F4A7C15ull);
}

enum class FinishReason { kStop, kLength, kCancelled, kError };

/// What a choice cost. The prompt is counted with choice 0 alone: the sum is the request's usage.
struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;  ///< prompt tokens whose KV blocks an earlier request had filled
  int32_t completion_tokens = 0;
};

/// How probable a generated token was, and what else was.
struct TokenLogprobs {
  struct Alternative {
    int32_t token = 0;
    float logprob = 0;
  };
  float logprob = 0;             ///< natural logarithm
  std::vector<Alternative> top;  ///< SamplingParams::top_logprobs of them, best first
};

/// A piece of a running generation. The concatenated `text` of a choice is its answer: whole UTF-8
/// characters only, and never a part of a stop string.
struct GenerateDelta {
  int32_t choice = 0;
  std::string text;
  std::vector<int32_t> token_ids;                    ///< as sampled, the end token included
  std::vector<TokenLogprobs> logprobs;               ///< one per token where the request wants them
  bool finished = false;                             ///< the choice has ended
  FinishReason finish_reason = FinishReason::kStop;  ///< valid when finished
  /// Set with kError: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED (the reader lags too far behind),
  /// UNAVAILABLE (the engine shuts down), or what the decoder said.
  Status error;
  Usage usage;  ///< valid when finished
};

}  // namespace hadal::inference
