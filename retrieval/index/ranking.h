#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "retrieval/index/index_result.h"
#include "retrieval/index/lexical_search.h"
#include "retrieval/index/search_part.h"
#include "retrieval/rank/fusion.h"

namespace hadal::retrieval {

/// A chunk on its way into the result.
struct Contender {
  size_t position = 0;
  float cosine = 0;    ///< float32's
  uint16_t group = 0;  ///< LanguageScaling's
};

/// The best `k` of `contenders`, ascending by position, by the fused score; among equals the lower
/// chunk number first.
std::vector<Candidate> Rank(absl::Span<const Contender> contenders, size_t k,
                            absl::Span<const SearchPart> parts, const LexicalSearch& lexical,
                            const LanguageScaling& scaling, const Fusion& fusion);

}  // namespace hadal::retrieval
