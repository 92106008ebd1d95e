#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/sampling/logit_row.h"
#include "inference/sampling_params.h"

namespace hadal::inference {

/// Chooses the next token from one row of logits; see SamplingParams for the rule. Probabilities
/// are float32 with the same bits on every CPU. Holds scratch memory. Thread-compatible.
class Sampler {
 public:
  /// The vocabulary is read on the calling thread, whatever `device` has.
  explicit Sampler(Device device = Device::CallingThread());

  /// `logits` [vocabulary] f32, not empty, after LogitAdjuster; -inf means impossible. `position`
  /// is the index the token will have in its sequence, prompt included. `params` is valid
  /// (ValidateSamplingParams). INTERNAL when a logit is NaN or +inf, or all are -inf: the model's
  /// output cannot be trusted.
  StatusOr<int32_t> Sample(absl::Span<const float> logits, const SamplingParams& params,
                           uint64_t position);

 private:
  struct Candidate {
    int32_t id;
    float logit;
    float weight;  ///< exp((logit - largest) / temperature)

    static bool Better(const Candidate& a, const Candidate& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    }
  };

  double SumBlocks();
  int32_t DrawFromAll(double u);
  int32_t DrawFromCandidates(double u);
  void Collect(float bound);
  void CollectLimited(size_t count, float min_p);
  void CollectMass(double mass);
  float LogitAt(double power) const;
  void KeepBest(size_t count);
  void KeepNucleus(double mass);
  void KeepDownTo(const Candidate& last);

  const Device device_;
  LogitRow row_;
  float scale_ = 1.0f;          ///< 1 / temperature
  std::vector<float> sums_;     ///< of the weights of each block of the row
  std::vector<float> weights_;  ///< of the candidates, or of a block
  std::vector<int32_t> ids_;
  std::vector<Candidate> candidates_;  ///< by id
  std::vector<Candidate> ranked_;      ///< the same, in other orders
};

}  // namespace hadal::inference
