#include "retrieval/index/lexical_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal::retrieval {

void LexicalIndex::Add(uint32_t slot, const TermCounts& counts) {
  CHECK(slot == lengths_.size());
  lengths_.push_back(counts.length);
  for (const auto& [term, count] : counts.terms) postings_[term].push_back({slot, count});
}

std::vector<LexicalIndex::VisiblePosting> LexicalIndex::Visible(TermId term,
                                                                const AllowedSlots& allowed) const {
  std::vector<VisiblePosting> visible;
  const auto it = postings_.find(term);
  if (it == postings_.end()) return visible;
  for (const Posting& posting : it->second) {
    const uint32_t position = allowed.position[posting.slot];
    if (position != AllowedSlots::kNone) visible.push_back({position, posting.count});
  }
  return visible;
}

LexicalScores LexicalIndex::Score(absl::Span<const TermId> terms,
                                  const AllowedSlots& allowed) const {
  LexicalScores scores;
  scores.score.assign(allowed.slots.size(), 0.0f);
  scores.coverage.assign(allowed.slots.size(), 0.0f);
  if (allowed.slots.empty()) return scores;
  const CollectionStatistics& all = allowed.statistics;
  const double average = static_cast<double>(all.terms) / static_cast<double>(all.chunks);
  double total = 0;
  for (const TermId term : terms) {
    const std::vector<VisiblePosting> visible = Visible(term, allowed);
    const double idf = InverseDocumentFrequency(all.chunks, visible.size());
    total += idf;
    for (const auto& [position, count] : visible) {
      const uint32_t length = lengths_[allowed.slots[position]];
      scores.score[position] += static_cast<float>(idf * TermSaturation(count, length, average));
      scores.coverage[position] += static_cast<float>(idf);
    }
  }
  for (float& share : scores.coverage) {
    share = total > 0 ? std::min(1.0f, static_cast<float>(share / total)) : 0.0f;
  }
  return scores;
}

void LexicalIndex::Renumber(absl::Span<const uint32_t> new_slot, uint32_t new_size) {
  CHECK(new_slot.size() == lengths_.size());
  for (auto it = postings_.begin(); it != postings_.end();) {
    std::vector<Posting> kept;
    for (const Posting& posting : it->second) {
      const uint32_t slot = new_slot[posting.slot];
      if (slot != AllowedSlots::kNone) kept.push_back({slot, posting.count});
    }
    if (kept.empty()) {
      it = postings_.erase(it);
    } else {
      it->second = std::move(kept);
      ++it;
    }
  }
  std::vector<uint32_t> lengths(new_size);
  for (size_t slot = 0; slot < new_slot.size(); ++slot) {
    if (new_slot[slot] != AllowedSlots::kNone) lengths[new_slot[slot]] = lengths_[slot];
  }
  lengths_ = std::move(lengths);
}

}  // namespace hadal::retrieval
