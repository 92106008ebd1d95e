#pragma once

#include <array>
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

/// How the two channels of one search become one order.
struct Ranking {
  /// hits: the best of `lexical`; best_dense: the best scaled cosine of each group.
  Ranking(LanguageScaling language_scaling, const LexicalSearch& lexical,
          absl::Span<const LexicalHit> hits,
          const std::array<double, LanguageScaling::kNoVector + 1>& best_dense);

  LanguageScaling scaling;
  Fusion fusion;
  bool spread = false;  ///< over languages: BestOfLanguages()
};

/// The best `k` of `contenders`, ascending by position, by the fused score; among equals the lower
/// chunk number first.
std::vector<Candidate> Rank(absl::Span<const Contender> contenders, size_t k,
                            absl::Span<const SearchPart> parts, const LexicalSearch& lexical,
                            const Ranking& ranking);

}  // namespace hadal::retrieval
