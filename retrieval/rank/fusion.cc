#include "retrieval/rank/fusion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

constexpr double kSmallest = 1e-9;

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

Fusion::Fusion(const FusionOptions& options, double best_dense, double best_lexical)
    : dense_weight_(options.dense_weight),
      by_best_dense_(best_dense > kSmallest ? 1 / best_dense : 0),
      by_best_lexical_(best_lexical > kSmallest ? 1 / best_lexical : 0) {}

std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const uint8_t> language, const FusionOptions& options,
                               absl::Span<const uint32_t> without_vector) {
  CHECK(dense.size() == lexical.size() && dense.size() == language.size());
  if (dense.empty()) return {};
  std::vector<uint16_t> group(language.begin(), language.end());
  for (const uint32_t i : without_vector) group[i] = LanguageScaling::kNoVector;
  const LanguageScaling scaling(dense, group);
  std::vector<double> fused(dense.size());
  for (size_t i = 0; i < fused.size(); ++i) fused[i] = scaling(dense[i], group[i]);
  const Fusion fusion(options, *std::max_element(fused.begin(), fused.end()),
                      *std::max_element(lexical.begin(), lexical.end()));
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] = fusion.Score(fused[i], lexical[i], group[i] != LanguageScaling::kNoVector);
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

}  // namespace hadal::retrieval
