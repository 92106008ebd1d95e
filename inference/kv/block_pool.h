#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "inference/kv/prefix_index.h"

namespace hadal::inference {

/// Who holds which block of the KV cache. A block is held by the sequences that count a reference
/// to it; with none left it is free. A free block whose tokens are known stays in the prefix index
/// and can be taken up again until its memory is needed; the least recently used go first. A holder
/// of a block also holds the blocks before it, and gives them back last to first, so that a block
/// is never evicted before those that continue it. Thread-compatible: confined to the engine
/// thread.
class BlockPool {
 public:
  BlockPool(int32_t num_blocks, int32_t block_size);

  int32_t num_blocks() const { return static_cast<int32_t>(references_.size()); }
  int32_t block_size() const { return block_size_; }
  /// Blocks no sequence holds, those of the prefix index included.
  int32_t num_free() const { return static_cast<int32_t>(empty_.size() + reusable_.size()); }
  /// Blocks of the prefix index, held or not.
  int32_t num_indexed() const { return index_.size(); }

  /// A block with one reference and unknown content; nullopt when none is free.
  std::optional<int32_t> Allocate();

  /// Takes a reference to each block of the longest indexed prefix of `tokens`, full blocks only,
  /// of which the first `expanded_tokens`, whole blocks, are in the expanded form.
  std::vector<int32_t> AcquirePrefix(std::string_view cache_namespace,
                                     absl::Span<const int32_t> tokens, int32_t expanded_tokens = 0);

  /// Makes a held block findable: it holds `tokens` [block_size] and continues `parent` (kNone:
  /// none), which the caller holds and which is indexed. Returns the block to use from now on:
  /// `block`, or the one that holds the same already; then the caller's reference has moved to it.
  int32_t Publish(std::string_view cache_namespace, int32_t parent,
                  absl::Span<const int32_t> tokens, int32_t block, bool expanded = false);

  /// Gives back one reference to each of `blocks`, a prefix in order. Without `keep`, those that
  /// nobody holds any more are forgotten, too.
  void Release(absl::Span<const int32_t> blocks, bool keep = true);

  /// References to `block` now.
  int32_t references(int32_t block) const { return references_[static_cast<size_t>(block)]; }

 private:
  void Acquire(int32_t block);
  void ReleaseOne(int32_t block, bool keep);

  const int32_t block_size_;
  PrefixIndex index_;
  std::vector<int32_t> references_;
  std::vector<int32_t> empty_;                       ///< free, not indexed
  std::list<int32_t> reusable_;                      ///< free, indexed; least recently used first
  std::vector<std::list<int32_t>::iterator> place_;  ///< of each block in reusable_, or its end()
};

/// The blocks one sequence holds, in order of positions. Gives them back exactly once: in Clear()
/// or in the destructor. Thread-compatible; the pool must outlive it.
class BlockTable {
 public:
  /// `keep`: what it published stays findable when nobody holds it.
  explicit BlockTable(BlockPool* pool, bool keep = true) : pool_(pool), keep_(keep) {}
  ~BlockTable() { Clear(); }
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;

  const std::vector<int32_t>& blocks() const { return blocks_; }

  /// Takes up the longest indexed prefix of `tokens`; returns its length in tokens. The table is
  /// empty before. expanded_tokens: SequenceSlice::expanded_tokens, whole blocks.
  int32_t TakePrefix(std::string_view cache_namespace, absl::Span<const int32_t> tokens,
                     int32_t expanded_tokens = 0);

  /// Blocks for `num_tokens` tokens in all. False, and nothing changed, when too few are free.
  bool Grow(int32_t num_tokens);

  /// Publishes every full block of tokens [0, computed) that is not published yet.
  void PublishComputed(std::string_view cache_namespace, absl::Span<const int32_t> tokens,
                       int32_t computed, int32_t expanded_tokens = 0);

  void Clear();

 private:
  BlockPool* const pool_;
  const bool keep_;
  std::vector<int32_t> blocks_;
  size_t published_ = 0;  ///< blocks_[0, published_) are indexed
};

}  // namespace hadal::inference
