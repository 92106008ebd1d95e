#include "retrieval/rank/fusion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kLanguages = 256;
constexpr uint16_t kNoVector = kLanguages;  // a group of its own, apart from every language
constexpr double kSmallest = 1e-9;

struct Moments {
  double count = 0;
  double sum = 0;
  double squares = 0;  // around the mean, second pass

  double mean() const { return count > 0 ? sum / count : 0; }
  double deviation() const { return count > 0 ? std::sqrt(squares / count) : 0; }
};

// Standard scores within each language. A language with one chunk, or with equal cosines, has no
// deviation of its own: its chunks stand at its mean, 0.
std::vector<double> ScaleWithinLanguages(absl::Span<const float> dense,
                                         absl::Span<const uint16_t> language) {
  std::array<Moments, kLanguages + 1> moments{};
  for (size_t i = 0; i < dense.size(); ++i) {
    moments[language[i]].count += 1;
    moments[language[i]].sum += dense[i];
  }
  for (size_t i = 0; i < dense.size(); ++i) {
    const double difference = dense[i] - moments[language[i]].mean();
    moments[language[i]].squares += difference * difference;
  }
  std::vector<double> scaled(dense.size());
  for (size_t i = 0; i < dense.size(); ++i) {
    const Moments& own = moments[language[i]];
    const double deviation = language[i] == kNoVector ? 0.0 : own.deviation();
    scaled[i] = deviation > kSmallest ? (dense[i] - own.mean()) / deviation : 0.0;
  }
  return scaled;
}

}  // namespace

std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const uint8_t> language, const FusionOptions& options,
                               absl::Span<const uint32_t> without_vector) {
  CHECK(dense.size() == lexical.size() && dense.size() == language.size());
  std::vector<uint16_t> group(language.begin(), language.end());
  for (const uint32_t i : without_vector) group[i] = kNoVector;
  std::vector<double> fused = ScaleWithinLanguages(dense, group);
  if (fused.empty()) return fused;
  const double best_dense = *std::max_element(fused.begin(), fused.end());
  const double best_lexical = *std::max_element(lexical.begin(), lexical.end());
  const double dense_factor = best_dense > kSmallest ? options.dense_weight / best_dense : 0.0;
  const double lexical_factor =
      best_lexical > kSmallest ? (1.0 - options.dense_weight) / best_lexical : 0.0;
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] = fused[i] * dense_factor + lexical[i] * lexical_factor;
  }
  for (const uint32_t i : without_vector) {
    const double share = best_lexical > kSmallest ? lexical[i] / best_lexical : 0.0;
    fused[i] += options.dense_weight * share * share;
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
