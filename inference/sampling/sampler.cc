#include "inference/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "inference/sampling/random.h"

namespace hadal::inference {
namespace {

/// The nucleus of top_p is sought among weights of at least e^-4, then e^-8 ...; ScaledExp has none
/// below e^-87.
constexpr double kFirstReach = 4;
constexpr double kLastReach = 128;

/// Weights near a bound differ from its exact power by less; the bound only says what is looked at.
constexpr double kSlack = 0.01;

double SumOf(absl::Span<const float> weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

template <typename Iterator>
double SumOf(Iterator begin, Iterator end) {
  double sum = 0.0;
  for (; begin != end; ++begin) sum += begin->weight;
  return sum;
}

/// The first index at which the weights added to `sum` are above `target`, in no case one of weight
/// 0; `sum` is then what comes before it.
size_t DrawIndex(absl::Span<const float> weights, double target, double& sum) {
  size_t drawn = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    drawn = i;
    if (sum + weights[i] > target) break;
    sum += weights[i];
  }
  return drawn;
}

}  // namespace

Sampler::Sampler(Device device) : device_(device), row_(std::move(device)) {}

StatusOr<int32_t> Sampler::Sample(absl::Span<const float> logits, const SamplingParams& params,
                                  uint64_t position) {
  RETURN_IF_ERROR(row_.Read(logits));
  if (params.temperature == 0.0f || params.top_k == 1) return row_.best();
  scale_ = std::min(1.0f / params.temperature, std::numeric_limits<float>::max());
  const double u = UniformDraw(params.seed, position);
  const bool limited = params.top_k > 0 && static_cast<size_t>(params.top_k) < logits.size();
  if (limited || params.min_p > 0.0f) {
    CollectLimited(limited ? static_cast<size_t>(params.top_k) : logits.size(), params.min_p);
    if (params.top_p < 1.0f)
      KeepNucleus(params.top_p * SumOf(candidates_.begin(), candidates_.end()));
  } else if (params.top_p < 1.0f) {
    const double mass = params.top_p * SumBlocks();
    CollectMass(mass);
    KeepNucleus(mass);
  } else {
    return DrawFromAll(u);
  }
  return DrawFromCandidates(u);
}

/// The weights of every block; their sum.
double Sampler::SumBlocks() {
  sums_.resize(NumLogitBlocks(row_.logits().size()));
  BlockExpSums(device_, row_.logits(), row_.largest(), scale_, absl::MakeSpan(sums_));
  return SumOf(sums_);
}

int32_t Sampler::DrawFromAll(double u) {
  const double target = u * SumBlocks();
  double sum = 0.0;
  const size_t first = DrawIndex(sums_, target, sum) * kLogitBlock;
  const auto block = row_.logits().subspan(first, kLogitBlock);
  weights_.resize(block.size());
  ScaledExp(device_, block, row_.largest(), scale_, absl::MakeSpan(weights_));
  return static_cast<int32_t>(first + DrawIndex(weights_, target, sum));
}

int32_t Sampler::DrawFromCandidates(double u) {
  weights_.clear();
  for (const Candidate& candidate : candidates_) weights_.push_back(candidate.weight);
  double sum = 0.0;
  return candidates_[DrawIndex(weights_, u * SumOf(weights_), sum)].id;
}

/// Makes the tokens with a logit of at least `bound` the candidates.
void Sampler::Collect(float bound) {
  row_.FindAtLeast(bound, &ids_);
  weights_.clear();
  for (const int32_t id : ids_) weights_.push_back(row_.logits()[static_cast<size_t>(id)]);
  ScaledExp(device_, weights_, row_.largest(), scale_, absl::MakeSpan(weights_));
  candidates_.clear();
  for (size_t i = 0; i < ids_.size(); ++i) {
    candidates_.push_back({ids_[i], row_.logits()[static_cast<size_t>(ids_[i])], weights_[i]});
  }
}

/// The `count` best of those at least `min_p` times as probable as the best.
void Sampler::CollectLimited(size_t count, float min_p) {
  float bound = row_.BoundOfBest(count);
  if (min_p > 0.0f) bound = std::max(bound, LogitAt(std::log(min_p) - kSlack));
  Collect(bound);
  KeepBest(count);
  // The best has weight 1.
  std::erase_if(candidates_, [min_p](const Candidate& c) { return c.weight < min_p; });
}

/// So many of the best that their weights reach `mass`, and more.
void Sampler::CollectMass(double mass) {
  for (double reach = kFirstReach; reach <= kLastReach; reach *= 2) {
    Collect(LogitAt(-reach));
    if (SumOf(weights_) >= mass) return;
  }
}

/// The logit whose weight is e^power.
float Sampler::LogitAt(double power) const {
  return static_cast<float>(row_.largest() + power / scale_);
}

/// The `count` best candidates.
void Sampler::KeepBest(size_t count) {
  if (count >= candidates_.size()) return;
  ranked_ = candidates_;
  const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(ranked_.begin(), last, ranked_.end(), Candidate::Better);
  KeepDownTo(*last);
}

/// The fewest of the best candidates whose weights reach `mass`, and at least one: halves what may
/// hold the last of them until that is known.
void Sampler::KeepNucleus(double mass) {
  ranked_ = candidates_;
  auto begin = ranked_.begin(), end = ranked_.end();
  double kept = 0.0;  // of all before `begin`, which are better
  while (end - begin > 1) {
    const auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, Candidate::Better);
    const double more = SumOf(begin, middle);
    if (kept + more >= mass) {
      end = middle;
    } else {
      kept += more;
      begin = middle;
    }
  }
  KeepDownTo(*begin);
}

void Sampler::KeepDownTo(const Candidate& last) {
  std::erase_if(candidates_, [&last](const Candidate& c) { return Candidate::Better(last, c); });
}

}  // namespace hadal::inference
