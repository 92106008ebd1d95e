#include "auth/audit/merkle.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kLeafPrefix("\0", 1);

bool ToHash(std::string_view bytes, TreeHash& hash) {
  if (bytes.size() != hash.size()) return false;
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return true;
}

// Hash of the leaves [lo, hi), whose left part is complete; lo is a multiple of the largest power
// of two not above hi - lo.
StatusOr<TreeHash> RangeHash(uint64_t lo, uint64_t hi, const HashReader& reader) {
  const uint64_t count = hi - lo;
  const int level = std::bit_width(count) - 1;
  if (std::has_single_bit(count)) return reader(StoredHashIndex(level, lo >> level));
  const uint64_t split = lo + (uint64_t{1} << level);
  ASSIGN_OR_RETURN(const TreeHash left, RangeHash(lo, split, reader));
  ASSIGN_OR_RETURN(const TreeHash right, RangeHash(split, hi, reader));
  return NodeHash(left, right);
}

// Largest power of two strictly below `count`, which is at least 2.
uint64_t SplitOf(uint64_t count) { return std::bit_floor(count - 1); }

}  // namespace

TreeHash LeafHash(std::string_view record) { return Sha256Of(kLeafPrefix, record); }

TreeHash NodeHash(const TreeHash& left, const TreeHash& right) {
  char bytes[1 + 2 * kSha256Bytes];
  bytes[0] = 1;
  std::memcpy(bytes + 1, left.data(), left.size());
  std::memcpy(bytes + 1 + left.size(), right.data(), right.size());
  return Sha256Of({}, {bytes, sizeof bytes});
}

TreeHash EmptyRoot() { return Sha256Of({}, {}); }

StatusOr<TreeFrontier> TreeFrontier::Load(uint64_t size, const HashReader& reader) {
  TreeFrontier frontier;
  frontier.size_ = size;
  uint64_t start = 0;
  for (int level = 63; level >= 0; --level) {
    const uint64_t width = uint64_t{1} << level;
    if ((size & width) == 0) continue;
    ASSIGN_OR_RETURN(const TreeHash hash, reader(StoredHashIndex(level, start >> level)));
    frontier.subtrees_.push_back(hash);
    start += width;
  }
  return frontier;
}

void TreeFrontier::Append(const TreeHash& leaf, std::vector<TreeHash>& stored) {
  TreeHash hash = leaf;
  stored.push_back(hash);
  for (uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    hash = NodeHash(subtrees_.back(), hash);
    subtrees_.pop_back();
    stored.push_back(hash);
  }
  subtrees_.push_back(hash);
  ++size_;
}

TreeHash TreeFrontier::Root() const {
  if (subtrees_.empty()) return EmptyRoot();
  TreeHash root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = NodeHash(subtrees_[i - 1], root);
  return root;
}

StatusOr<std::vector<TreeHash>> InclusionPath(uint64_t index, uint64_t size,
                                              const HashReader& reader) {
  if (index >= size) return OutOfRange("leaf {} of a tree of {}", index, size);
  std::vector<TreeHash> root_to_leaf;
  uint64_t lo = 0;
  uint64_t hi = size;
  while (hi - lo > 1) {
    const uint64_t middle = lo + SplitOf(hi - lo);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(const TreeHash sibling,
                     left ? RangeHash(middle, hi, reader) : RangeHash(lo, middle, reader));
    root_to_leaf.push_back(sibling);
    (left ? hi : lo) = middle;
  }
  return std::vector<TreeHash>(root_to_leaf.rbegin(), root_to_leaf.rend());
}

StatusOr<std::vector<TreeHash>> ConsistencyPath(uint64_t first, uint64_t second,
                                                const HashReader& reader) {
  if (first == 0 || first > second) {
    return OutOfRange("no consistency proof from tree size {} to {}", first, second);
  }
  std::vector<TreeHash> root_to_leaf;
  uint64_t lo = 0;
  uint64_t hi = second;
  bool is_first_tree = true;  // [lo, first) is the whole first tree: its root needs no telling
  while (first != hi) {
    const uint64_t middle = lo + SplitOf(hi - lo);
    const bool left = first <= middle;
    ASSIGN_OR_RETURN(const TreeHash sibling,
                     left ? RangeHash(middle, hi, reader) : RangeHash(lo, middle, reader));
    root_to_leaf.push_back(sibling);
    if (!left) is_first_tree = false;
    (left ? hi : lo) = middle;
  }
  if (!is_first_tree) {
    ASSIGN_OR_RETURN(const TreeHash rest, RangeHash(lo, hi, reader));
    root_to_leaf.push_back(rest);
  }
  return std::vector<TreeHash>(root_to_leaf.rbegin(), root_to_leaf.rend());
}

StatusOr<TreeHash> RootFromStored(uint64_t size, const HashReader& reader) {
  if (size == 0) return EmptyRoot();
  return RangeHash(0, size, reader);
}

bool VerifyInclusion(uint64_t index, uint64_t size, std::string_view leaf_hash,
                     std::string_view root, const std::vector<std::string>& path) {
  TreeHash hash;
  if (index >= size || root.size() != kSha256Bytes || !ToHash(leaf_hash, hash)) return false;
  uint64_t fn = index;
  uint64_t sn = size - 1;
  for (const std::string& bytes : path) {
    TreeHash sibling;
    if (sn == 0 || !ToHash(bytes, sibling)) return false;
    if ((fn & 1) != 0 || fn == sn) {
      hash = NodeHash(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && AsBytes(hash) == root;
}

bool VerifyConsistency(uint64_t first, uint64_t second, std::string_view first_root,
                       std::string_view second_root, const std::vector<std::string>& path) {
  if (first == 0 || first > second) return false;
  if (first == second) return path.empty() && !first_root.empty() && first_root == second_root;
  TreeHash first_given;
  if (second_root.size() != kSha256Bytes || !ToHash(first_root, first_given)) return false;
  size_t next = 0;
  TreeHash start = first_given;
  if (!std::has_single_bit(first)) {
    if (path.empty() || !ToHash(path[next++], start)) return false;
  }
  uint64_t fn = first - 1;
  uint64_t sn = second - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  TreeHash fr = start;
  TreeHash sr = start;
  for (; next < path.size(); ++next) {
    TreeHash sibling;
    if (sn == 0 || !ToHash(path[next], sibling)) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = NodeHash(sibling, fr);
      sr = NodeHash(sibling, sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = NodeHash(sr, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && AsBytes(fr) == first_root && AsBytes(sr) == second_root;
}

}  // namespace hadal::auth
