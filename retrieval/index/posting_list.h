#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

constexpr uint32_t kPostingBlock = 128;

/// A term in a chunk.
struct Posting {
  uint32_t slot;
  uint32_t count;
};

/// What is known of up to 128 postings without reading them. (max_count, min_length) bounds BM25's
/// saturation of each of them whatever the average length is: it grows with the count and falls
/// with the length. On disk as it stands here.
struct PostingBlock {
  uint32_t last_slot = 0;
  uint32_t offset = 0;  ///< of a packed block: its first byte
  uint32_t max_count = 0;
  uint32_t min_length = 0;
  uint16_t postings = 0;
  uint8_t slot_bits = 0;
  uint8_t count_bits = 0;
};
static_assert(sizeof(PostingBlock) == 20);

/// A decoded block.
struct DecodedBlock {
  std::array<uint32_t, kPostingBlock> slots;
  std::array<uint32_t, kPostingBlock> counts;
  uint32_t size = 0;
};

/// The postings of one term in one segment, ascending by slot: either plain in memory, or packed.
/// A view; thread-compatible.
class PostingList {
 public:
  PostingList() = default;
  /// Every block but the last holds kPostingBlock postings.
  PostingList(absl::Span<const PostingBlock> blocks, absl::Span<const Posting> plain)
      : blocks_(blocks), plain_(plain), size_(static_cast<uint32_t>(plain.size())) {}
  /// packed: all blocks' bytes, with kPackedSlack more behind the last; size: postings in all.
  PostingList(absl::Span<const PostingBlock> blocks, absl::Span<const uint8_t> packed,
              uint32_t size)
      : blocks_(blocks), packed_(packed), size_(size) {}

  uint32_t size() const { return size_; }
  absl::Span<const PostingBlock> blocks() const { return blocks_; }
  /// Leaves `out` empty when packed bytes are not what the block says (a file made by hand: the
  /// checksum of a damaged one is wrong).
  void Decode(size_t block, DecodedBlock& out) const;
  /// The same without the counts, which cost as much; one of them: CountAt().
  void DecodeSlots(size_t block, DecodedBlock& out) const;
  uint32_t CountAt(size_t block, uint32_t index) const;
  /// The first block at or after `from` that may hold `slot`; blocks().size() when none does.
  size_t FindBlock(size_t from, uint32_t slot) const;

 private:
  absl::Span<const Posting> PlainOf(size_t block) const;
  const uint8_t* PackedCounts(const PostingBlock& block) const;

  absl::Span<const PostingBlock> blocks_;
  absl::Span<const Posting> plain_;
  absl::Span<const uint8_t> packed_;
  uint32_t size_ = 0;
};

/// Numbers are read eight bytes at a time.
constexpr size_t kPackedSlack = 8;

/// Bytes of a block's packed postings: slots as steps of the least sufficient width, then counts.
size_t PackedSize(const PostingBlock& block);

/// Appends `postings`, at most kPostingBlock and above slot `previous` (-1 for the first block), to
/// `packed`; lengths by slot.
PostingBlock PackBlock(absl::Span<const Posting> postings, int64_t previous,
                       absl::Span<const uint32_t> lengths, std::string& packed);

}  // namespace hadal::retrieval
