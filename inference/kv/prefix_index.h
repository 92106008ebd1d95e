#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"

namespace hadal::inference {

/// Which full blocks of the KV cache hold which tokens: a tree per cache namespace, one node a
/// block, found by a chained hash and then compared in full (parent node, tokens, form of
/// attention, and at the root the namespace). A collision of hashes therefore costs time, never
/// shows one tenant's blocks to another. Thread-compatible: confined to the engine thread.
class PrefixIndex {
 public:
  static constexpr int32_t kNone = -1;

  /// `hash_mask`: bits of the hash that are used; tests make all hashes collide.
  PrefixIndex(int32_t num_blocks, int32_t block_size, size_t hash_mask = ~size_t{0});

  /// The child of `parent` (kNone: a root of `cache_namespace`) holding exactly `tokens`
  /// [block_size], computed in the expanded form (SequenceSlice::expanded_tokens) or not; kNone
  /// when there is none.
  int32_t Find(std::string_view cache_namespace, int32_t parent, absl::Span<const int32_t> tokens,
               bool expanded = false) const;

  /// Adds `block`, which is in no namespace yet and whose twin is not in the index.
  void Insert(std::string_view cache_namespace, int32_t parent, absl::Span<const int32_t> tokens,
              int32_t block, bool expanded = false);

  /// Takes out `block`, which has no children.
  void Remove(int32_t block);

  bool Contains(int32_t block) const;
  int32_t size() const { return static_cast<int32_t>(blocks_by_hash_.size()); }

 private:
  struct Node {
    bool present = false;
    bool expanded = false;
    int32_t parent = kNone;
    int32_t children = 0;
    size_t hash = 0;
    std::string cache_namespace;  ///< of a root; a child is in its parent's
    std::vector<int32_t> tokens;
  };

  size_t HashOf(std::string_view cache_namespace, int32_t parent,
                absl::Span<const int32_t> tokens) const;

  const int32_t block_size_;
  const size_t hash_mask_;
  std::vector<Node> nodes_;  ///< [num_blocks]
  std::unordered_multimap<size_t, int32_t> blocks_by_hash_;
};

}  // namespace hadal::inference
