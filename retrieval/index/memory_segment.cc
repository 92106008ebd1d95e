#include "retrieval/index/memory_segment.h"

#include <algorithm>

#include "base/check.h"
#include "retrieval/index/graph.h"
#include "retrieval/index/row_codes.h"

namespace hadal::retrieval {

uint32_t Segment::FirstSlot(uint64_t number) const {
  const absl::Span<const uint64_t> all = numbers();
  return static_cast<uint32_t>(std::lower_bound(all.begin(), all.end(), number) - all.begin());
}

absl::Span<const Graph> Segment::graphs() const { return {}; }

MemorySegment::MemorySegment(int32_t dim) : dim_(static_cast<size_t>(dim)) { CHECK(dim > 0); }

void MemorySegment::Add(uint64_t number, uint8_t language, const TermCounts& terms,
                        absl::Span<const float> vector) {
  CHECK(numbers_.empty() || numbers_.back() < number);
  const uint32_t slot = size();
  numbers_.push_back(number);
  lengths_.push_back(terms.length);
  languages_.push_back(language);
  embedded_.push_back(0);
  vectors_.resize(vectors_.size() + dim_);
  codes_.resize(codes_.size() + CodeStride(dim_));
  scales_.push_back(0);
  errors_.push_back(0);
  if (!vector.empty()) SetVector(slot, vector);
  for (const auto& [id, count] : terms.terms) {
    Term& term = terms_[id];
    if (term.postings.size() % kPostingBlock == 0) {
      term.blocks.push_back({.min_length = terms.length});
    }
    term.postings.push_back({slot, count});
    PostingBlock& block = term.blocks.back();
    block.last_slot = slot;
    block.max_count = std::max(block.max_count, count);
    block.min_length = std::min(block.min_length, terms.length);
    ++block.postings;
  }
}

void MemorySegment::SetVector(uint32_t slot, absl::Span<const float> vector) {
  CHECK(slot < size() && vector.size() == dim_);
  std::copy(vector.begin(), vector.end(),
            vectors_.begin() + static_cast<std::ptrdiff_t>(slot * dim_));
  const RowCode code = EncodeRow(vector, codes_.data() + slot * CodeStride(dim_));
  scales_[slot] = code.scale;
  errors_[slot] = code.error;
  max_norm_ = std::max(max_norm_, code.norm);
  embedded_[slot] = 1;
}

VectorRows MemorySegment::rows() const {
  return {dim_, vectors_.data(), codes_.data(), scales_.data(), errors_.data(), max_norm_};
}

PostingList MemorySegment::Postings(TermId term) const {
  const auto it = terms_.find(term);
  if (it == terms_.end()) return {};
  return {it->second.blocks, it->second.postings};
}

void MemorySegment::ForEachTerm(
    const std::function<void(TermId, const PostingList&)>& visit) const {
  std::vector<TermId> ids;
  ids.reserve(terms_.size());
  for (const auto& [id, term] : terms_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const TermId id : ids) visit(id, Postings(id));
}

}  // namespace hadal::retrieval
