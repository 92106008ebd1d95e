#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

struct FusionOptions {
  /// Share of the dense channel; one weight tuned once beats reciprocal ranks in and out of the
  /// domain it was tuned for (arXiv:2210.11934).
  double dense_weight = 0.7;
};

/// Makes the cosines of each language comparable: mean 0 and deviation 1 over the chunks given.
/// multilingual-e5 prefers passages in the question's language by more than the right passage
/// differs from a wrong one, so unscaled the other language is never found. A language with one
/// chunk, or with equal cosines, has no deviation of its own: its chunks stand at its mean, 0.
class LanguageScaling {
 public:
  /// The group of chunks that have no cosine yet, apart from every language.
  static constexpr uint16_t kNoVector = 256;

  /// dense [n] cosines; group [n] a small number per language, or kNoVector; weights [n] how many
  /// chunks each stands for, when they are a sample, or none. All of them must be of chunks that
  /// the reader may see.
  LanguageScaling(absl::Span<const float> dense, absl::Span<const uint16_t> group,
                  absl::Span<const float> weights = {});

  /// Never falls when the cosine grows. 0 for kNoVector.
  double operator()(double cosine, uint16_t group) const {
    return (cosine - means_[group]) * factors_[group];
  }

 private:
  std::array<double, kNoVector + 1> means_{};
  std::array<double, kNoVector + 1> factors_{};  // 1 / deviation, or 0
};

/// The fused score of one chunk. Both channels are divided by their best value over all chunks that
/// the reader may see.
class Fusion {
 public:
  /// best_dense: of the scaled cosines; best_lexical: of BM25.
  Fusion(const FusionOptions& options, double best_dense, double best_lexical);

  /// Never falls when either grows. scaled: from LanguageScaling. A chunk without a vector has the
  /// square of its lexical share in the place of the dense one, which finds it as BM25 would and
  /// costs those with vectors little (docs/measurements/retrieval.md).
  double Score(double scaled, double lexical, bool has_vector) const {
    const double share = lexical * by_best_lexical_;
    const double dense = has_vector ? scaled * by_best_dense_ : share * share;
    return dense_weight_ * dense + (1.0 - dense_weight_) * share;
  }

 private:
  double dense_weight_;
  double by_best_dense_;
  double by_best_lexical_;
};

/// One score per chunk from the two channels: LanguageScaling, then Fusion. dense [n] cosines;
/// lexical [n] BM25; language [n] small numbers, one per language; the chunks at the indexes
/// `without_vector` have no cosine yet. All n chunks must be ones the reader may see.
std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const uint8_t> language,
                               const FusionOptions& options = {},
                               absl::Span<const uint32_t> without_vector = {});

/// Indexes of the `k` best scores, best first; among equals the lower index first.
std::vector<uint32_t> BestIndexes(absl::Span<const double> scores, size_t k);

}  // namespace hadal::retrieval
