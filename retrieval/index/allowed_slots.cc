#include "retrieval/index/allowed_slots.h"

#include <algorithm>
#include <array>

namespace hadal::retrieval {
namespace {

// Shorter lists, and those of readers of little, are counted as fast as they are looked up.
constexpr uint32_t kMinRemembered = 1024;
constexpr size_t kMaxRememberedTerms = 8192;

}  // namespace

AllowedSlots::AllowedSlots(const ::Roaring& slots, uint64_t terms, const Segment& segment)
    : slots_(slots.cardinality()),
      words_((size_t{segment.size()} + 63) / 64),
      before_(words_.size()),
      statistics_{slots.cardinality(), terms},
      all_(slots_.size() == segment.size()) {
  slots.toUint32Array(slots_.data());
  for (const uint32_t slot : slots_) words_[slot / 64] |= uint64_t{1} << (slot % 64);
  for (size_t i = 1; i < words_.size(); ++i) {
    before_[i] = before_[i - 1] + static_cast<uint32_t>(std::popcount(words_[i - 1]));
  }
  CountLanguages(segment.languages());
}

void AllowedSlots::CountLanguages(absl::Span<const uint8_t> languages) {
  std::array<uint32_t, 256> counts{};
  for (const uint32_t slot : slots_) ++counts[languages[slot]];
  std::array<uint32_t, 256> passed{};
  std::array<LanguageShare*, 256> shares{};
  languages_.reserve(counts.size());
  for (size_t language = 0; language < counts.size(); ++language) {
    if (counts[language] == 0) continue;
    languages_.push_back({static_cast<uint8_t>(language), counts[language], {}});
    shares[language] = &languages_.back();
  }
  for (const uint32_t slot : slots_) {
    const uint8_t language = languages[slot];
    LanguageShare& share = *shares[language];
    const uint64_t taken = share.sample.size();
    const uint64_t wanted = std::min(share.slots, kSample);
    if (taken < wanted && passed[language]++ >= taken * share.slots / wanted) {
      share.sample.push_back(slot);
    }
  }
}

uint64_t AllowedSlots::CountWith(TermId term, const PostingList& postings) const {
  if (all_ || postings.size() == 0) return postings.size();
  const bool remembered = std::min(postings.size(), size()) >= kMinRemembered;
  if (remembered) {
    absl::MutexLock lock(&mu_);
    const auto it = counts_.find(term);
    if (it != counts_.end()) return it->second;
  }
  uint64_t count = 0;
  DecodedBlock block;
  size_t b = 0;
  for (auto next = slots_.begin(); next != slots_.end(); ++b) {
    b = postings.FindBlock(b, *next);  // over the blocks that hold nothing allowed
    if (b == postings.blocks().size()) break;
    postings.Decode(b, block);
    for (uint32_t i = 0; i < block.size; ++i) count += contains(block.slots[i]);
    next = std::upper_bound(next, slots_.end(), postings.blocks()[b].last_slot);
  }
  if (remembered) {
    absl::MutexLock lock(&mu_);
    if (counts_.size() >= kMaxRememberedTerms) counts_.clear();
    counts_[term] = count;
  }
  return count;
}

size_t AllowedSlots::bytes() const {
  return slots_.size() * sizeof(uint32_t) + words_.size() * (sizeof(uint64_t) + sizeof(uint32_t));
}

}  // namespace hadal::retrieval
