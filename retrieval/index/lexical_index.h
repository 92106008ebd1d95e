#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"
#include "retrieval/rank/bm25.h"
#include "retrieval/rank/tokens.h"

namespace hadal::retrieval {

/// Slots a reader may see, in the two forms the channels walk: ascending, and as a map from slot to
/// its place among them.
struct AllowedSlots {
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  std::vector<uint32_t> slots;     ///< ascending
  std::vector<uint32_t> position;  ///< [all slots] index into `slots`, or kNone
  CollectionStatistics statistics;
};

struct LexicalScores {
  std::vector<float> score;     ///< [allowed] BM25
  std::vector<float> coverage;  ///< [allowed] share of the query's idf present, 0..1
};

/// Postings of every term, in memory, derived from the chunks' texts. Statistics (N, n, average
/// length) are taken over the allowed slots only. Thread-compatible.
class LexicalIndex {
 public:
  /// Slots must come in ascending order.
  void Add(uint32_t slot, const TermCounts& counts);
  /// `terms` each once; a term that no allowed slot holds still counts against the coverage.
  LexicalScores Score(absl::Span<const TermId> terms, const AllowedSlots& allowed) const;

  uint32_t length(uint32_t slot) const { return lengths_[slot]; }
  /// Forgets the slots whose new number is AllowedSlots::kNone and renumbers the others; the order
  /// must not change.
  void Renumber(absl::Span<const uint32_t> new_slot, uint32_t new_size);

 private:
  struct Posting {
    uint32_t slot;
    uint32_t count;
  };
  struct VisiblePosting {
    uint32_t position;  // among the allowed slots
    uint32_t count;
  };
  std::vector<VisiblePosting> Visible(TermId term, const AllowedSlots& allowed) const;

  std::unordered_map<TermId, std::vector<Posting>> postings_;
  std::vector<uint32_t> lengths_;
};

}  // namespace hadal::retrieval
