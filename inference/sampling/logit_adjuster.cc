#include "inference/sampling/logit_adjuster.h"

#include <algorithm>

namespace hadal::inference {

absl::Span<const float> LogitAdjuster::Adjust(absl::Span<const float> logits,
                                              const SamplingParams& params,
                                              absl::Span<const int32_t> tokens,
                                              size_t num_prompt) {
  const bool repetition = params.repetition_penalty != 1.0f;
  const bool counts = params.presence_penalty != 0.0f || params.frequency_penalty != 0.0f;
  if (!repetition && !counts && params.logit_bias.empty()) return logits;
  adjusted_.assign(logits.begin(), logits.end());
  if (repetition) PenalizeRepetition(tokens, params.repetition_penalty);
  if (counts) {
    PenalizeCounts(tokens.subspan(num_prompt), params.presence_penalty, params.frequency_penalty);
  }
  for (const LogitBias& entry : params.logit_bias) {
    adjusted_[static_cast<size_t>(entry.token)] += entry.bias;
  }
  return adjusted_;
}

void LogitAdjuster::PenalizeRepetition(absl::Span<const int32_t> tokens, float penalty) {
  SortOccurred(tokens);
  occurred_.erase(std::unique(occurred_.begin(), occurred_.end()), occurred_.end());
  for (const int32_t token : occurred_) {
    float& logit = adjusted_[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

void LogitAdjuster::PenalizeCounts(absl::Span<const int32_t> generated, float presence,
                                   float frequency) {
  SortOccurred(generated);
  for (auto first = occurred_.begin(); first != occurred_.end();) {
    const auto last = std::upper_bound(first, occurred_.end(), *first);
    adjusted_[static_cast<size_t>(*first)] -=
        presence + frequency * static_cast<float>(last - first);
    first = last;
  }
}

void LogitAdjuster::SortOccurred(absl::Span<const int32_t> tokens) {
  occurred_.assign(tokens.begin(), tokens.end());
  std::sort(occurred_.begin(), occurred_.end());
}

}  // namespace hadal::inference
