#pragma once

#include "absl/types/span.h"
#include "retrieval/index/index_result.h"
#include "retrieval/index/search_part.h"

namespace hadal::retrieval {

/// The best `k` chunks of all parts by the fused score, of the candidates that each channel gives:
/// BM25's best, and in each language of each segment those nearest to the query, by its graph or,
/// where it has none or the filter leaves too little of it, by a scan. Means and deviations are
/// those of a fixed sample of the allowed chunks. For readers of many chunks; exactly searched
/// where graphs cover less than half of them.
IndexResult SearchGraphs(const IndexQuery& query, size_t k, absl::Span<const SearchPart> parts);

}  // namespace hadal::retrieval
