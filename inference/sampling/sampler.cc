#include "inference/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "inference/sampling/random.h"

namespace hadal::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The nucleus of top_p is mostly a few tokens: sort this many first, then eight times as many.
constexpr size_t kFirstSorted = 64;

/// Index of the largest logit; the lowest index of equals.
StatusOr<int32_t> FindLargest(absl::Span<const float> logits) {
  size_t best = 0;
  float largest = -kInfinity;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float value = logits[i];
    if (!(value < kInfinity)) {
      return Internal("logit of token {} is {}; expected a finite number", i, value);
    }
    if (value > largest) {
      largest = value;
      best = i;
    }
  }
  if (largest == -kInfinity) return Internal("all {} logits are -inf or absent", logits.size());
  return static_cast<int32_t>(best);
}

double WeightOf(float logit, float largest, float temperature) {
  return std::exp((static_cast<double>(logit) - largest) / temperature);
}

}  // namespace

StatusOr<int32_t> Sampler::Sample(absl::Span<const float> logits, const SamplingParams& params,
                                  uint64_t position) {
  ASSIGN_OR_RETURN(const int32_t best, FindLargest(logits));
  if (params.temperature == 0.0f || params.top_k == 1) return best;
  const float largest = logits[static_cast<size_t>(best)];
  const double u = UniformDraw(params.seed, position);
  const bool limited = params.top_k > 0 && static_cast<size_t>(params.top_k) < logits.size();
  if (!limited && params.top_p >= 1.0f && params.min_p == 0.0f) {
    return DrawFromAll(logits, largest, params.temperature, u);
  }
  return DrawFromBest(logits, largest, params, u);
}

int32_t Sampler::DrawFromAll(absl::Span<const float> logits, float largest, float temperature,
                             double u) {
  cumulative_.resize(logits.size());
  double total = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) {
    total += WeightOf(logits[i], largest, temperature);
    cumulative_[i] = total;
  }
  return static_cast<int32_t>(DrawIndex(u));
}

int32_t Sampler::DrawFromBest(absl::Span<const float> logits, float largest,
                              const SamplingParams& params, double u) {
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates_[i] = {logits[i], static_cast<int32_t>(i), 0.0};
  }
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < candidates_.size()) {
    SortBest(0, static_cast<size_t>(params.top_k));
    candidates_.resize(static_cast<size_t>(params.top_k));
  }
  if (params.min_p > 0.0f) {
    // The best has weight 1.
    std::erase_if(candidates_, [&](const Candidate& candidate) {
      return WeightOf(candidate.logit, largest, params.temperature) < params.min_p;
    });
  }
  double total = 0.0;
  for (Candidate& candidate : candidates_) {
    candidate.weight = WeightOf(candidate.logit, largest, params.temperature);
    total += candidate.weight;
  }
  const double wanted = params.top_p < 1.0f ? total * static_cast<double>(params.top_p) : total;
  double kept = 0.0;
  size_t count = 0;
  size_t sorted = 0;
  while (count < candidates_.size() && (count == 0 || kept < wanted)) {
    if (count == sorted) {
      const size_t next = std::min(candidates_.size(), std::max(kFirstSorted, sorted * 8));
      SortBest(sorted, next);
      sorted = next;
    }
    kept += candidates_[count++].weight;
  }
  candidates_.resize(count);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  cumulative_.resize(count);
  double sum = 0.0;
  for (size_t i = 0; i < count; ++i) cumulative_[i] = sum += candidates_[i].weight;
  return candidates_[DrawIndex(u)].id;
}

/// The first sum above the target: an entry of weight 0 repeats the sum before it, so is never met.
size_t Sampler::DrawIndex(double u) const {
  const double total = cumulative_.back();
  auto it = std::upper_bound(cumulative_.begin(), cumulative_.end(), u * total);
  if (it == cumulative_.end()) it = std::lower_bound(cumulative_.begin(), it, total);
  return static_cast<size_t>(it - cumulative_.begin());
}

/// Puts the best of [begin, size) in order at [begin, end): larger logit first, then lower id.
void Sampler::SortBest(size_t begin, size_t end) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  const auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(end);
  if (last != candidates_.end()) std::nth_element(first, last, candidates_.end(), better);
  std::sort(first, last, better);
}

}  // namespace hadal::inference
