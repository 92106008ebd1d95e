#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal::inference {

/// Finds every vocabulary entry that starts at a position, shortest first. Children of a node lie
/// side by side, sorted by byte: 12 bytes a node. Thread-safe (const after construction).
class PieceTrie {
 public:
  /// `pieces`: text and id; empty ones are left out, the first of two equal ones counts.
  explicit PieceTrie(std::vector<std::pair<std::string_view, int32_t>> pieces);

  /// match(length in bytes, id) for every piece that `text` starts with.
  template <typename Match>
  void ForEachPrefix(std::string_view text, Match match) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = Child(node, static_cast<uint8_t>(text[i]));
      if (node == 0) return;
      if (nodes_[node].id >= 0) match(i + 1, nodes_[node].id);
    }
  }

 private:
  struct Node {
    uint32_t first_child = 0;
    int32_t id = -1;
    uint16_t num_children = 0;
    uint8_t byte = 0;
  };
  uint32_t Child(uint32_t node, uint8_t byte) const;  // 0: none (the root is nobody's child)

  std::vector<Node> nodes_;
};

}  // namespace hadal::inference
