#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

/// Share of the dense channel, by how much of the question's words (by idf, 0..1) the chunk holds
/// that BM25 puts first: a question that stands in a chunk word by word is BM25's, one in other
/// words is the vectors'. One weight for all costs one of the two (docs/measurements/fusion.md).
double DenseWeight(double best_coverage);

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

/// The fused score of one chunk. BM25 is divided by its best value over all chunks that the reader
/// may see, a scaled cosine by the best one of its language, so that the best passage of each
/// language counts alike: the question's words decide between them.
struct Fusion {
  /// A best that stands out by less than this many deviations is not raised to a full score: among
  /// few chunks something is always the best.
  static constexpr double kLeastBest = 2.0;

  double dense_weight = 0;
  std::array<double, LanguageScaling::kNoVector + 1> best_dense{};  ///< scaled, by group
  double best_lexical = 0;                                          ///< of BM25

  /// Never falls when either grows. scaled: from LanguageScaling. A chunk without a vector has the
  /// square of its lexical share in the place of the dense one, which finds it as BM25 would and
  /// costs those with vectors little (docs/measurements/retrieval.md).
  double Score(double scaled, double lexical, uint16_t group) const;
};

/// One score per chunk from the two channels: LanguageScaling, then Fusion. dense [n] cosines;
/// lexical [n] BM25; coverage [n] shares of the question's idf; language [n] small numbers, one per
/// language; the chunks at the indexes `without_vector` have no cosine yet. All n chunks must be
/// ones the reader may see.
std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const float> coverage, absl::Span<const uint8_t> language,
                               absl::Span<const uint32_t> without_vector = {});

/// Indexes of the `k` best scores, best first; among equals the lower index first.
std::vector<uint32_t> BestIndexes(absl::Span<const double> scores, size_t k);

/// See BestOfLanguages().
inline constexpr size_t kLanguageStep = 3;

/// The same, where at least every third place is one of another language than the first, as far as
/// there are any: nobody can word a question so that it shares words with a passage in another
/// language. A chunk of language 0 (unknown) is of no other language.
std::vector<uint32_t> BestOfLanguages(absl::Span<const double> scores,
                                      absl::Span<const uint8_t> language, size_t k);

/// Below this coverage of BM25's best chunk the words have not found the passage, and the answer
/// may stand in another language: use BestOfLanguages().
inline constexpr double kWeakCoverage = 0.5;

}  // namespace hadal::retrieval
