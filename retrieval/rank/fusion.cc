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

LanguageScaling::LanguageScaling(absl::Span<const float> dense, absl::Span<const uint16_t> group) {
  CHECK(dense.size() == group.size());
  std::array<double, kNoVector + 1> counts{};
  for (size_t i = 0; i < dense.size(); ++i) {
    counts[group[i]] += 1;
    means_[group[i]] += dense[i];
  }
  for (size_t g = 0; g < counts.size(); ++g) {
    if (counts[g] > 0) means_[g] /= counts[g];
  }
  std::array<double, kNoVector + 1> squares{};  // around the mean
  for (size_t i = 0; i < dense.size(); ++i) {
    const double difference = dense[i] - means_[group[i]];
    squares[group[i]] += difference * difference;
  }
  for (size_t g = 0; g < kNoVector; ++g) {
    const double deviation = counts[g] > 0 ? std::sqrt(squares[g] / counts[g]) : 0;
    factors_[g] = deviation > kSmallest ? 1 / deviation : 0;
  }
}

double Fusion::Score(double scaled, double lexical, bool has_vector) const {
  const double share = best_lexical > kSmallest ? lexical / best_lexical : 0.0;
  double dense = best_dense > kSmallest ? scaled / best_dense : 0.0;
  if (!has_vector) dense = share * share;
  return options.dense_weight * dense + (1.0 - options.dense_weight) * share;
}

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
  const Fusion fusion = {options, *std::max_element(fused.begin(), fused.end()),
                         *std::max_element(lexical.begin(), lexical.end())};
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
