#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

struct FusionOptions {
  /// Share of the dense channel; one weight tuned once beats reciprocal ranks in and out of the
  /// domain it was tuned for (arXiv:2210.11934).
  double dense_weight = 0.7;
};

/// One score per chunk from the two channels. dense [n] cosines; lexical [n] BM25; language [n]
/// small numbers, one per language. Cosines are scaled within each language to mean 0 and deviation
/// 1 over these n chunks: multilingual-e5 prefers passages in the question's language by more than
/// the right passage differs from a wrong one, so unscaled the other language is never found. Both
/// channels are then divided by their best value. The chunks at the indexes `without_vector` have
/// no cosine yet: they take no part in the scaling, and the square of their lexical share stands in
/// for the dense one, which finds them as BM25 would and costs those with vectors little
/// (docs/measurements/retrieval.md). All n chunks must be ones the reader may see.
std::vector<double> FuseScores(absl::Span<const float> dense, absl::Span<const float> lexical,
                               absl::Span<const uint8_t> language,
                               const FusionOptions& options = {},
                               absl::Span<const uint32_t> without_vector = {});

/// Indexes of the `k` best scores, best first; among equals the lower index first.
std::vector<uint32_t> BestIndexes(absl::Span<const double> scores, size_t k);

}  // namespace hadal::retrieval
