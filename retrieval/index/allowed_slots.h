#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "retrieval/index/segment.h"
#include "retrieval/rank/bm25.h"

namespace hadal::retrieval {

/// The slots of one segment that a reader may see, in the forms the channels walk: ascending, and
/// as bits with the place of each among the others. Immutable but for counts it remembers.
/// Thread-safe.
class AllowedSlots {
 public:
  AllowedSlots(const ::Roaring& slots, uint64_t terms, const Segment& segment);

  const std::vector<uint32_t>& slots() const { return slots_; }  ///< ascending
  uint32_t size() const { return static_cast<uint32_t>(slots_.size()); }
  const CollectionStatistics& statistics() const { return statistics_; }
  /// Whether slots() is all of the segment.
  bool all() const { return all_; }

  bool contains(uint32_t slot) const { return (words_[slot / 64] >> (slot % 64) & 1) != 0; }
  /// The index of a slot that is contained.
  uint32_t position(uint32_t slot) const {
    const uint64_t below = words_[slot / 64] & ((uint64_t{1} << (slot % 64)) - 1);
    return before_[slot / 64] + static_cast<uint32_t>(std::popcount(below));
  }

  /// The allowed slots of a language: how many, and up to kSample of them, evenly spaced.
  struct LanguageShare {
    uint8_t language = 0;
    uint32_t slots = 0;
    std::vector<uint32_t> sample;
  };
  static constexpr uint32_t kSample = 4096;
  const std::vector<LanguageShare>& languages() const { return languages_; }

  /// How many allowed slots hold the term.
  uint64_t CountWith(TermId term, const PostingList& postings) const;

  size_t bytes() const;

 private:
  void CountLanguages(absl::Span<const uint8_t> languages);

  std::vector<uint32_t> slots_;
  std::vector<uint64_t> words_;
  std::vector<uint32_t> before_;  // allowed slots in the words before
  std::vector<LanguageShare> languages_;
  CollectionStatistics statistics_;
  const bool all_;

  // Counts of frequent terms, each a walk through a long list. Bounded.
  mutable absl::Mutex mu_;
  mutable std::unordered_map<TermId, uint64_t> counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval
