#pragma once

#include "absl/types/span.h"
#include "retrieval/index/index_result.h"
#include "retrieval/index/search_part.h"

namespace hadal::retrieval {

/// The best `k` chunks of all parts by the fused score, as scoring each of them in both channels
/// would give: a chunk is left out only when the bounds of its two scores prove that k others are
/// better. The cosines' means and deviations are those of the codes (they differ from float32's by
/// some 1e-4 of a deviation), and float32's where few chunks are allowed.
IndexResult SearchExactly(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts);

}  // namespace hadal::retrieval
