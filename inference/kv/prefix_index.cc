#include "inference/kv/prefix_index.h"

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace hadal::inference {
namespace {

/// Finaliser of MurmurHash3: every input bit changes about half of the output bits.
uint64_t Mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDull;
  x ^= x >> 33;
  x *= 0xC4CEB9FE1A85EC53ull;
  return x ^ (x >> 33);
}

}  // namespace

PrefixIndex::PrefixIndex(int32_t num_blocks, int32_t block_size, size_t hash_mask)
    : block_size_(block_size), hash_mask_(hash_mask), nodes_(static_cast<size_t>(num_blocks)) {}

size_t PrefixIndex::HashOf(std::string_view cache_namespace, int32_t parent,
                           absl::Span<const int32_t> tokens) const {
  uint64_t hash = parent == kNone ? Mix(std::hash<std::string_view>{}(cache_namespace))
                                  : nodes_[static_cast<size_t>(parent)].hash;
  for (int32_t token : tokens) hash = Mix(hash + static_cast<uint32_t>(token) + 1);
  return hash & hash_mask_;
}

int32_t PrefixIndex::Find(std::string_view cache_namespace, int32_t parent,
                          absl::Span<const int32_t> tokens, bool expanded) const {
  const auto [first, last] = blocks_by_hash_.equal_range(HashOf(cache_namespace, parent, tokens));
  for (auto it = first; it != last; ++it) {
    const Node& node = nodes_[static_cast<size_t>(it->second)];
    if (node.parent == parent && node.expanded == expanded &&
        std::equal(node.tokens.begin(), node.tokens.end(), tokens.begin(), tokens.end()) &&
        (parent != kNone || node.cache_namespace == cache_namespace)) {
      return it->second;
    }
  }
  return kNone;
}

void PrefixIndex::Insert(std::string_view cache_namespace, int32_t parent,
                         absl::Span<const int32_t> tokens, int32_t block, bool expanded) {
  CHECK(static_cast<int32_t>(tokens.size()) == block_size_);
  CHECK(parent == kNone || Contains(parent));
  Node& node = nodes_[static_cast<size_t>(block)];
  CHECK(!node.present);
  node.present = true;
  node.expanded = expanded;
  node.parent = parent;
  node.hash = HashOf(cache_namespace, parent, tokens);
  node.tokens.assign(tokens.begin(), tokens.end());
  if (parent == kNone) {
    node.cache_namespace = std::string(cache_namespace);
  } else {
    ++nodes_[static_cast<size_t>(parent)].children;
  }
  blocks_by_hash_.emplace(node.hash, block);
}

void PrefixIndex::Remove(int32_t block) {
  Node& node = nodes_[static_cast<size_t>(block)];
  CHECK(node.present && node.children == 0);
  const auto [first, last] = blocks_by_hash_.equal_range(node.hash);
  const auto it =
      std::find_if(first, last, [block](const auto& entry) { return entry.second == block; });
  CHECK(it != last);
  blocks_by_hash_.erase(it);
  if (node.parent != kNone) --nodes_[static_cast<size_t>(node.parent)].children;
  node = Node();
}

bool PrefixIndex::Contains(int32_t block) const {
  return nodes_[static_cast<size_t>(block)].present;
}

}  // namespace hadal::inference
