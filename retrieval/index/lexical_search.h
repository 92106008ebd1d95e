#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "retrieval/index/search_part.h"
#include "retrieval/rank/bm25.h"

namespace hadal::retrieval {

struct LexicalScore {
  float score = 0;     ///< BM25
  float coverage = 0;  ///< share of the query's idf present, 0..1
};

struct LexicalHit {
  size_t position = 0;
  float score = 0;
};

/// BM25 of one query over the allowed slots of all parts. N, n and the average length are taken
/// over these alone, so that no score depends on a chunk the reader may not see. The parts must
/// outlive it. Thread-compatible.
class LexicalSearch {
 public:
  /// `terms` each once; one that no allowed slot holds still counts against the coverage.
  LexicalSearch(absl::Span<const TermId> terms, absl::Span<const SearchPart> parts);

  /// Of chosen positions, ascending: [positions]. A position's score is a sum in the order of the
  /// terms and depends on no other position.
  std::vector<LexicalScore> Score(absl::Span<const size_t> positions) const;

  /// The best `k` of all positions with a score, best first, among equals the lower position: what
  /// Score() of all would give, without reading most postings of frequent terms.
  std::vector<LexicalHit> Best(size_t k) const;

 private:
  struct Term {
    double idf = 0;
    double most = 0;                 ///< that it adds to any score
    size_t postings = 0;             ///< in all lists
    std::vector<PostingList> lists;  ///< [parts]
  };
  class Accumulator;

  template <typename Visit>
  void VisitPostings(const SearchPart& part, const PostingList& list,
                     absl::Span<const size_t> positions, const Visit& visit) const;

  const absl::Span<const SearchPart> parts_;
  Saturation saturation_;
  double all_idf_ = 0;
  std::vector<Term> terms_;  // in the order of the query
};

}  // namespace hadal::retrieval
