#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/sampling_params.h"

namespace hadal::inference {

/// Chooses the next token from one row of logits; see SamplingParams for the rule. Holds scratch
/// memory of one vocabulary. Thread-compatible.
class Sampler {
 public:
  /// `logits` [vocabulary] f32, not empty, after LogitAdjuster; -inf means impossible. `position`
  /// is the index the token will have in its sequence, prompt included. `params` is valid
  /// (ValidateSamplingParams). INTERNAL when a logit is NaN or +inf, or all are -inf: the model's
  /// output cannot be trusted.
  StatusOr<int32_t> Sample(absl::Span<const float> logits, const SamplingParams& params,
                           uint64_t position);

 private:
  struct Candidate {
    float logit;
    int32_t id;
    double weight;  ///< exp((logit - largest) / temperature)
  };

  int32_t DrawFromAll(absl::Span<const float> logits, float largest, float temperature, double u);
  int32_t DrawFromBest(absl::Span<const float> logits, float largest, const SamplingParams& params,
                       double u);
  void SortBest(size_t begin, size_t end);
  size_t DrawIndex(double u) const;

  std::vector<double> cumulative_;  ///< sums of the weights of what may be drawn, by id
  std::vector<Candidate> candidates_;
};

}  // namespace hadal::inference
