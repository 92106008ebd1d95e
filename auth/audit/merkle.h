#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "auth/crypto/digest.h"
#include "base/status.h"

/// The Merkle tree of RFC 9162 §2.1 over SHA-256. Functions are pure and thread-safe.
namespace hadal::auth {

using TreeHash = Sha256Digest;

/// SHA-256(0x00 || record).
TreeHash LeafHash(std::string_view record);
/// SHA-256(0x01 || left || right).
TreeHash NodeHash(const TreeHash& left, const TreeHash& right);
/// SHA-256(""), the root of a tree without leaves.
TreeHash EmptyRoot();

/// Where the hash of the complete subtree of 2^level leaves starting at leaf index * 2^level stands
/// in the order in which subtrees become complete as leaves arrive: a leaf first, then every
/// subtree that it completes, smallest first.
constexpr uint64_t StoredHashIndex(int level, uint64_t index) {
  const uint64_t last_leaf = ((index + 1) << level) - 1;
  return 2 * last_leaf - static_cast<uint64_t>(__builtin_popcountll(last_leaf)) +
         static_cast<uint64_t>(level);
}
/// How many hashes a tree of `size` leaves has stored.
constexpr uint64_t StoredHashCount(uint64_t size) {
  return 2 * size - static_cast<uint64_t>(__builtin_popcountll(size));
}

/// Reads a stored hash by its position.
using HashReader = std::function<StatusOr<TreeHash>(uint64_t stored_index)>;

/// A growing tree kept as the roots of its complete subtrees: at most 64 hashes. Value type.
class TreeFrontier {
 public:
  /// The frontier of a tree of `size` leaves from its stored hashes.
  static StatusOr<TreeFrontier> Load(uint64_t size, const HashReader& reader);

  /// Adds a leaf; appends to `stored` the hashes that become complete, in stored order.
  void Append(const TreeHash& leaf, std::vector<TreeHash>& stored);
  uint64_t size() const { return size_; }
  TreeHash Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<TreeHash> subtrees_;  // one per set bit of size_, largest first
};

/// RFC 9162 §2.1.3.1: the audit path of leaf `index` in the tree of `size` leaves, leaf to root.
StatusOr<std::vector<TreeHash>> InclusionPath(uint64_t index, uint64_t size,
                                              const HashReader& reader);
/// RFC 9162 §2.1.4.1: proof that the tree of `first` leaves is a prefix of that of `second`.
StatusOr<std::vector<TreeHash>> ConsistencyPath(uint64_t first, uint64_t second,
                                                const HashReader& reader);
/// Root of the first `size` leaves from the stored hashes.
StatusOr<TreeHash> RootFromStored(uint64_t size, const HashReader& reader);

/// RFC 9162 §2.1.3.2. Hashes are raw bytes of any length: another length than 32 is refused, as are
/// an index outside the tree and a path of the wrong length.
bool VerifyInclusion(uint64_t index, uint64_t size, std::string_view leaf_hash,
                     std::string_view root, const std::vector<std::string>& path);
/// RFC 9162 §2.1.4.2, with `first` >= 1: an empty tree is a prefix of every tree, so a proof about
/// it says nothing and is refused.
bool VerifyConsistency(uint64_t first, uint64_t second, std::string_view first_root,
                       std::string_view second_root, const std::vector<std::string>& path);

}  // namespace hadal::auth
