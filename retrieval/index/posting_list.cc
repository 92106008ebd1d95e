#include "retrieval/index/posting_list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

size_t BytesOf(uint32_t numbers, uint32_t bits) { return (size_t{numbers} * bits + 7) / 8; }

void PackNumbers(absl::Span<const uint32_t> numbers, uint32_t bits, std::string& packed) {
  uint64_t waiting = 0;
  uint32_t waiting_bits = 0;
  for (const uint32_t number : numbers) {
    waiting |= uint64_t{number} << waiting_bits;
    for (waiting_bits += bits; waiting_bits >= 8; waiting_bits -= 8, waiting >>= 8) {
      packed.push_back(static_cast<char>(waiting & 0xFF));
    }
  }
  if (waiting_bits > 0) packed.push_back(static_cast<char>(waiting & 0xFF));
}

// Up to 32 bits begin at any bit of a byte: eight bytes hold them.
uint32_t UnpackNumber(const uint8_t* packed, uint32_t index, uint32_t bits) {
  const size_t bit = size_t{index} * bits;
  uint64_t word;
  std::memcpy(&word, packed + bit / 8, sizeof(word));
  return static_cast<uint32_t>((word >> (bit % 8)) & ((uint64_t{1} << bits) - 1));
}

/// Eight numbers fill kBits bytes, so the places of each eight are known when this is compiled.
template <uint32_t kBits>
void UnpackWidth(const uint8_t* packed, uint32_t numbers, uint32_t* out) {
  uint32_t i = 0;
  for (; i + 8 <= numbers; i += 8, packed += kBits) {
    for (uint32_t j = 0; j < 8; ++j) out[i + j] = UnpackNumber(packed, j, kBits);
  }
  for (uint32_t j = 0; i < numbers; ++i, ++j) out[i] = UnpackNumber(packed, j, kBits);
}

template <size_t... kBits>
constexpr auto UnpackersOf(std::index_sequence<kBits...>) {
  return std::array{&UnpackWidth<kBits>...};
}
constexpr auto kUnpackers = UnpackersOf(std::make_index_sequence<33>());

void UnpackNumbers(const uint8_t* packed, uint32_t numbers, uint32_t bits, uint32_t* out) {
  kUnpackers[bits](packed, numbers, out);
}

}  // namespace

size_t PackedSize(const PostingBlock& block) {
  return BytesOf(block.postings, block.slot_bits) + BytesOf(block.postings, block.count_bits);
}

PostingBlock PackBlock(absl::Span<const Posting> postings, int64_t previous,
                       absl::Span<const uint32_t> lengths, std::string& packed) {
  CHECK(!postings.empty() && postings.size() <= kPostingBlock);
  CHECK(packed.size() <= std::numeric_limits<uint32_t>::max());
  PostingBlock block;
  block.offset = static_cast<uint32_t>(packed.size());
  block.postings = static_cast<uint16_t>(postings.size());
  block.last_slot = postings.back().slot;
  block.min_length = std::numeric_limits<uint32_t>::max();
  std::array<uint32_t, kPostingBlock> steps;
  std::array<uint32_t, kPostingBlock> counts;
  uint32_t widest_step = 0;
  uint32_t widest_count = 0;
  for (size_t i = 0; i < postings.size(); ++i) {
    CHECK(postings[i].slot > previous && postings[i].count > 0);
    steps[i] = static_cast<uint32_t>(postings[i].slot - previous - 1);
    counts[i] = postings[i].count - 1;
    widest_step |= steps[i];
    widest_count |= counts[i];
    block.max_count = std::max(block.max_count, postings[i].count);
    block.min_length = std::min(block.min_length, lengths[postings[i].slot]);
    previous = postings[i].slot;
  }
  block.slot_bits = static_cast<uint8_t>(std::bit_width(widest_step));
  block.count_bits = static_cast<uint8_t>(std::bit_width(widest_count));
  PackNumbers({steps.data(), postings.size()}, block.slot_bits, packed);
  PackNumbers({counts.data(), postings.size()}, block.count_bits, packed);
  return block;
}

absl::Span<const Posting> PostingList::PlainOf(size_t block) const {
  return plain_.subspan(block * kPostingBlock,
                        std::min<size_t>(blocks_[block].postings, kPostingBlock));
}

const uint8_t* PostingList::PackedCounts(const PostingBlock& block) const {
  return packed_.data() + block.offset + BytesOf(block.postings, block.slot_bits);
}

void PostingList::DecodeSlots(size_t index, DecodedBlock& out) const {
  const PostingBlock& block = blocks_[index];
  out.size = block.postings;
  if (packed_.empty()) {
    uint32_t* slot_out = out.slots.data();
    for (const Posting& posting : PlainOf(index)) *slot_out++ = posting.slot;
    return;
  }
  UnpackNumbers(packed_.data() + block.offset, out.size, block.slot_bits, out.slots.data());
  uint64_t slot = index == 0 ? 0 : uint64_t{blocks_[index - 1].last_slot} + 1;
  for (uint32_t i = 0; i < out.size; ++i) {
    slot += out.slots[i];
    out.slots[i] = static_cast<uint32_t>(slot++);
  }
  if (slot != uint64_t{block.last_slot} + 1) out.size = 0;
}

void PostingList::Decode(size_t index, DecodedBlock& out) const {
  DecodeSlots(index, out);
  if (packed_.empty()) {
    uint32_t* count_out = out.counts.data();
    for (const Posting& posting : PlainOf(index)) *count_out++ = posting.count;
    return;
  }
  const PostingBlock& block = blocks_[index];
  UnpackNumbers(PackedCounts(block), out.size, block.count_bits, out.counts.data());
  for (uint32_t i = 0; i < out.size; ++i) ++out.counts[i];
}

uint32_t PostingList::CountAt(size_t index, uint32_t i) const {
  const PostingBlock& block = blocks_[index];
  if (packed_.empty()) return PlainOf(index)[i].count;
  return UnpackNumber(PackedCounts(block), i, block.count_bits) + 1;
}

size_t PostingList::FindBlock(size_t from, uint32_t slot) const {
  const auto ends_before = [](const PostingBlock& block, uint32_t wanted) {
    return block.last_slot < wanted;
  };
  const auto begin = blocks_.begin() + static_cast<std::ptrdiff_t>(from);
  return static_cast<size_t>(std::lower_bound(begin, blocks_.end(), slot, ends_before) -
                             blocks_.begin());
}

}  // namespace hadal::retrieval
