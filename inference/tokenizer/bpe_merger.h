#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace hadal::inference {

/// Byte-pair merges by rank: the pair with the lowest rank merges first, the leftmost of equal
/// ones. O(n log n) on words of any length. Thread-safe (const after the last AddMerge).
class BpeMerger {
 public:
  void Reserve(size_t merges) { merges_.reserve(merges); }
  /// The first rank of a pair counts.
  void AddMerge(int32_t left, int32_t right, int32_t rank, int32_t merged) {
    merges_.emplace(Key(left, right), Merge{rank, merged});
  }
  /// Merges `symbols` until no pair has a rank; appends what is left to `ids`.
  void Apply(std::vector<int32_t>& symbols, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    int32_t rank;
    int32_t merged;
  };
  static uint64_t Key(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
           static_cast<uint32_t>(right);
  }
  const Merge* Find(int32_t left, int32_t right) const {
    auto it = merges_.find(Key(left, right));
    return it == merges_.end() ? nullptr : &it->second;
  }
  void ApplyShort(std::vector<int32_t>& symbols) const;
  void ApplyLong(std::vector<int32_t>& symbols) const;

  absl::flat_hash_map<uint64_t, Merge> merges_;
};

}  // namespace hadal::inference
