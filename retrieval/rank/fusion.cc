#include "retrieval/rank/fusion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

constexpr double kSmallest = 1e-9;
constexpr double kDenseWeight = 0.75;
constexpr double kCoverageWeight = 0.6;

}  // namespace

LanguageScaling::LanguageScaling(absl::Span<const float> dense, absl::Span<const uint16_t> group,
                                 absl::Span<const float> weights) {
  CHECK(dense.size() == group.size() && (weights.empty() || weights.size() == dense.size()));
  const auto weight = [&weights](size_t i) { return weights.empty() ? 1.0 : double{weights[i]}; };
  // By runs of one group, as documents are: a sum stays in a register.
  const auto for_runs = [&group](const auto& visit) {
    for (size_t first = 0, end = 0; first < group.size(); first = end) {
      while (end < group.size() && group[end] == group[first]) ++end;
      visit(group[first], first, end);
    }
  };
  std::array<double, kNoVector + 1> counts{};
  for_runs([&](uint16_t g, size_t first, size_t end) {
    double count = 0;
    double sum = 0;
    for (size_t i = first; i < end; ++i) {
      count += weight(i);
      sum += weight(i) * dense[i];
    }
    counts[g] += count;
    means_[g] += sum;
  });
  for (size_t g = 0; g < counts.size(); ++g) {
    if (counts[g] > 0) means_[g] /= counts[g];
  }
  std::array<double, kNoVector + 1> squares{};  // around the mean
  for_runs([&](uint16_t g, size_t first, size_t end) {
    double sum = 0;
    for (size_t i = first; i < end; ++i) {
      sum += weight(i) * (dense[i] - means_[g]) * (dense[i] - means_[g]);
    }
    squares[g] += sum;
  });
  for (size_t g = 0; g < kNoVector; ++g) {
    const double deviation = counts[g] > 0 ? std::sqrt(squares[g] / counts[g]) : 0;
    factors_[g] = deviation > kSmallest ? 1 / deviation : 0;
  }
}

double DenseWeight(double best_coverage) {
  return kDenseWeight - kCoverageWeight * std::clamp(best_coverage, 0.0, 1.0);
}

double Fusion::Score(double scaled, double lexical, uint16_t group) const {
  const double share = best_lexical > kSmallest ? lexical / best_lexical : 0.0;
  const double dense = group == LanguageScaling::kNoVector
                           ? share * share
                           : scaled / std::max(best_dense[group], kLeastBest);
  return dense_weight * dense + (1.0 - dense_weight) * share;
}

std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const float> coverage, absl::Span<const uint8_t> language,
                               absl::Span<const uint32_t> without_vector) {
  CHECK(dense.size() == lexical.size() && dense.size() == language.size() &&
        dense.size() == coverage.size());
  if (dense.empty()) return {};
  std::vector<uint16_t> group(language.begin(), language.end());
  for (const uint32_t i : without_vector) group[i] = LanguageScaling::kNoVector;
  const LanguageScaling scaling(dense, group);
  const auto best = std::max_element(lexical.begin(), lexical.end()) - lexical.begin();
  Fusion fusion;
  fusion.dense_weight = DenseWeight(coverage[best]);
  fusion.best_lexical = lexical[best];
  std::vector<double> fused(dense.size());
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] = scaling(dense[i], group[i]);
    fusion.best_dense[group[i]] = std::max(fusion.best_dense[group[i]], fused[i]);
  }
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] = fusion.Score(fused[i], lexical[i], group[i]);
  }
  return fused;
}

std::vector<uint32_t> BestIndexes(absl::Span<const double> scores, size_t k) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto better = [&scores](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  const size_t kept = std::min(k, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    better);
  order.resize(kept);
  return order;
}

std::vector<uint32_t> BestOfLanguages(absl::Span<const double> scores,
                                      absl::Span<const uint8_t> language, size_t k) {
  CHECK(scores.size() == language.size());
  const std::vector<uint32_t> order = BestIndexes(scores, k);
  if (order.empty()) return order;
  const uint8_t first = language[order.front()];
  std::vector<uint32_t> slots;  // of other languages
  std::vector<double> their_scores;
  for (uint32_t i = 0; i < scores.size(); ++i) {
    if (language[i] == first || language[i] == 0) continue;
    slots.push_back(i);
    their_scores.push_back(scores[i]);
  }
  std::vector<uint32_t> others = BestIndexes(their_scores, k / kLanguageStep);
  for (uint32_t& i : others) i = slots[i];

  std::vector<uint32_t> spread;
  std::vector<bool> taken(scores.size());
  const auto take = [&](uint32_t i) {
    taken[i] = true;
    spread.push_back(i);
  };
  auto next = order.begin();
  auto other = others.begin();
  size_t since = 0;  // places given to the first language since another one had one
  while (spread.size() < order.size()) {
    while (next != order.end() && taken[*next]) ++next;
    while (other != others.end() && taken[*other]) ++other;
    const bool due = since + 1 >= kLanguageStep && other != others.end();
    take(due ? *other : *next);
    since = language[spread.back()] == first || language[spread.back()] == 0 ? since + 1 : 0;
  }
  return spread;
}

}  // namespace hadal::retrieval
