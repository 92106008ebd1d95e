#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/sampling_params.h"

namespace hadal::inference {

/// What changes logits before the Sampler chooses: penalties for tokens that occurred, and the
/// bias; see SamplingParams for the rule. Holds scratch memory of one vocabulary.
/// Thread-compatible.
class LogitAdjuster {
 public:
  /// `logits` [vocabulary] as they are to be sampled from: the same span where nothing changes,
  /// else valid until the next call. `tokens` is the sequence so far, the first `num_prompt` of
  /// them the prompt; all are in the vocabulary, as those of the bias.
  absl::Span<const float> Adjust(absl::Span<const float> logits, const SamplingParams& params,
                                 absl::Span<const int32_t> tokens, size_t num_prompt);

 private:
  void PenalizeRepetition(absl::Span<const int32_t> tokens, float penalty);
  void PenalizeCounts(absl::Span<const int32_t> generated, float presence, float frequency);
  void SortOccurred(absl::Span<const int32_t> tokens);

  std::vector<float> adjusted_;
  std::vector<int32_t> occurred_;  ///< sorted
};

}  // namespace hadal::inference
