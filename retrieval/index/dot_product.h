#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace hadal::retrieval {

/// Scores of chosen rows: out[i] = <query, base + rows[i] * dim>, rows and out [n]. Each path sums
/// in a fixed order, so a row's score never depends on the rows beside it.
using ScoreRowsFn = void (*)(const float* base, size_t dim, const float* query,
                             absl::Span<const uint32_t> rows, float* out);

/// The reference.
void ScoreRowsScalar(const float* base, size_t dim, const float* query,
                     absl::Span<const uint32_t> rows, float* out);

/// The fastest path this CPU has: AVX-512F, AVX2 with FMA, or the reference. Debian's FAISS 1.7.3
/// is built without any SIMD, hence our own.
ScoreRowsFn FastestScoreRows();

/// Every path this CPU can run, for tests.
absl::Span<const ScoreRowsFn> AvailableScoreRows();

}  // namespace hadal::retrieval
