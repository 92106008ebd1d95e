#include "inference/tokenizer/piece_trie.h"

#include <algorithm>

namespace hadal::inference {

// Breadth first over the sorted pieces: a node is a range of pieces that share a prefix.
PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, int32_t>> pieces) {
  std::erase_if(pieces, [](const auto& piece) { return piece.first.empty(); });
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Range {
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Range> ranges{{0, pieces.size(), 0}};
  nodes_.emplace_back();
  for (size_t node = 0; node < nodes_.size(); ++node) {
    Range range = ranges[node];
    if (range.depth > 0 && pieces[range.begin].first.size() == range.depth) {
      nodes_[node].id = pieces[range.begin].second;
      while (range.begin < range.end && pieces[range.begin].first.size() == range.depth) {
        ++range.begin;
      }
    }
    nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    for (size_t begin = range.begin; begin < range.end;) {
      const char byte = pieces[begin].first[range.depth];
      size_t end = begin + 1;
      while (end < range.end && pieces[end].first[range.depth] == byte) ++end;
      nodes_.push_back({0, -1, 0, static_cast<uint8_t>(byte)});
      ranges.push_back({begin, end, range.depth + 1});
      ++nodes_[node].num_children;
      begin = end;
    }
  }
}

uint32_t PieceTrie::Child(uint32_t node, uint8_t byte) const {
  const Node* first = nodes_.data() + nodes_[node].first_child;
  const Node* last = first + nodes_[node].num_children;
  const Node* child = std::lower_bound(
      first, last, byte, [](const Node& a, uint8_t value) { return a.byte < value; });
  if (child == last || child->byte != byte) return 0;
  return static_cast<uint32_t>(child - nodes_.data());
}

}  // namespace hadal::inference
