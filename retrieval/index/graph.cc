#include "retrieval/index/graph.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

namespace hadal::retrieval {
namespace {

constexpr uint32_t kMaxLinks = 256;

template <typename Value>
absl::Span<const Value> TakeArray(absl::Span<const uint8_t>& bytes, uint64_t count) {
  const absl::Span<const Value> array = {reinterpret_cast<const Value*>(bytes.data()), count};
  bytes.remove_prefix(count * sizeof(Value));
  return array;
}

}  // namespace

StatusOr<Graph> Graph::Take(absl::Span<const uint8_t>& bytes, const Segment& segment) {
  GraphHeader header;
  if (bytes.size() < sizeof(header)) return DataLoss("a graph of {} bytes", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof(header));
  bytes.remove_prefix(sizeof(header));
  const uint64_t nodes = header.nodes;
  if (nodes == 0 || nodes > segment.size() || header.upper_links == 0 ||
      header.upper_links > kMaxLinks || header.entry >= nodes) {
    return DataLoss("a graph of {} nodes with {} links, entered at {}", nodes, header.upper_links,
                    header.entry);
  }
  const uint64_t numbers = nodes + (nodes + 1) + nodes * 2 * header.upper_links +
                           uint64_t{header.upper_lists} * header.upper_links;
  if (bytes.size() / sizeof(uint32_t) < numbers) return DataLoss("a graph that is cut off");
  Graph graph;
  graph.upper_links_ = header.upper_links;
  graph.entry_ = header.entry;
  graph.slots_ = TakeArray<uint32_t>(bytes, nodes);
  graph.upper_begin_ = TakeArray<uint32_t>(bytes, nodes + 1);
  graph.ground_ = TakeArray<int32_t>(bytes, nodes * 2 * header.upper_links);
  graph.upper_ = TakeArray<int32_t>(bytes, uint64_t{header.upper_lists} * header.upper_links);
  RETURN_IF_ERROR(graph.Check(segment));
  return graph;
}

Status Graph::Check(const Segment& segment) const {
  const absl::Span<const uint8_t> languages = segment.languages();
  for (uint32_t node = 0; node < nodes(); ++node) {
    if (slots_[node] >= segment.size() || (node > 0 && slots_[node - 1] >= slots_[node]) ||
        languages[slots_[node]] != languages[slots_[0]]) {
      return DataLoss("node {} of a graph is impossible", node);
    }
    if (upper_begin_[node] > upper_begin_[node + 1]) {
      return DataLoss("the levels of node {} of a graph are impossible", node);
    }
  }
  if (upper_begin_[0] != 0 || upper_begin_[nodes()] * uint64_t{upper_links_} != upper_.size()) {
    return DataLoss("the levels of a graph are impossible");
  }
  const auto nowhere = [this](int32_t link) { return link >= static_cast<int64_t>(nodes()); };
  if (std::any_of(ground_.begin(), ground_.end(), nowhere)) {
    return DataLoss("a link of a graph leads nowhere");
  }
  for (uint32_t node = 0; node < nodes(); ++node) {
    for (uint32_t level = 1; level <= Levels(node); ++level) {
      for (const int32_t link : Links(node, level)) {
        if (link >= 0 && (nowhere(link) || Levels(static_cast<uint32_t>(link)) < level)) {
          return DataLoss("a link of a graph leads to a lower level");
        }
      }
    }
  }
  return OkStatus();
}

absl::Span<const int32_t> Graph::Links(uint32_t node, uint32_t level) const {
  if (level == 0) return ground_.subspan(uint64_t{node} * 2 * upper_links_, 2 * upper_links_);
  return upper_.subspan((uint64_t{upper_begin_[node]} + level - 1) * upper_links_, upper_links_);
}

/// One walk through the graph.
struct Graph::Walk {
  struct Near {
    float cosine;
    uint32_t node;
    // Among equals the lower node, so that every walk goes the same way.
    bool operator<(const Near& other) const {
      return cosine != other.cosine ? cosine < other.cosine : node > other.node;
    }
    bool operator>(const Near& other) const { return other < *this; }
  };

  Walk(const Graph& walked, const CodedQuery& asked, const VectorRows& vectors)
      : graph(walked), query(asked), rows(vectors), visited((walked.nodes() + 63) / 64) {}

  /// Scores those of `links` that were not visited; on upper levels all of them.
  void Look(absl::Span<const int32_t> links, bool once) {
    fresh.clear();
    slots.clear();
    for (const int32_t link : links) {
      if (link < 0) continue;
      const uint32_t node = static_cast<uint32_t>(link);
      uint64_t& word = visited[node / 64];
      const uint64_t bit = uint64_t{1} << (node % 64);
      if (once && (word & bit) != 0) continue;
      if (once) word |= bit;
      fresh.push_back({0, node});
      slots.push_back(graph.slots_[node]);
    }
    FastestCodeKernels().scan(rows.codes, query, slots, products.data());
    for (size_t i = 0; i < fresh.size(); ++i) {
      fresh[i].cosine = static_cast<float>(products[i]) * (query.scale() * rows.scales[slots[i]]);
    }
    looked += static_cast<int64_t>(fresh.size());
  }

  Near Descend() {
    const int32_t entry = static_cast<int32_t>(graph.entry_);
    Look({&entry, 1}, false);
    Near nearest = fresh[0];
    for (uint32_t level = graph.Levels(graph.entry_); level > 0; --level) {
      for (bool moved = true; moved;) {
        moved = false;
        Look(graph.Links(nearest.node, level), false);
        for (const Near& near : fresh) {
          if (nearest < near) {
            nearest = near;
            moved = true;
          }
        }
      }
    }
    return nearest;
  }

  const Graph& graph;
  const CodedQuery& query;
  const VectorRows& rows;
  std::vector<uint64_t> visited;
  std::vector<Near> fresh;
  std::vector<uint32_t> slots;
  std::array<int32_t, 2 * kMaxLinks> products;
  int64_t looked = 0;
};

bool Graph::Search(const CodedQuery& query, const VectorRows& rows, const AllowedSlots& allowed,
                   size_t count, int64_t budget, std::vector<GraphHit>& hits,
                   int64_t& examined) const {
  using Near = Walk::Near;
  Walk walk(*this, query, rows);
  std::vector<Near> frontier;  // the nearest first
  std::vector<Near> found;     // the farthest first
  const auto add = [&](const Near& near) {
    if (found.size() == count && near < found.front()) return;
    frontier.push_back(near);
    std::push_heap(frontier.begin(), frontier.end());
    if (!allowed.contains(slots_[near.node])) return;
    found.push_back(near);
    std::push_heap(found.begin(), found.end(), std::greater<>());
    if (found.size() <= count) return;
    std::pop_heap(found.begin(), found.end(), std::greater<>());
    found.pop_back();
  };
  const int32_t start = static_cast<int32_t>(walk.Descend().node);
  walk.Look({&start, 1}, true);
  for (const Near& near : walk.fresh) add(near);
  while (!frontier.empty() && walk.looked <= budget) {
    std::pop_heap(frontier.begin(), frontier.end());
    const Near nearest = frontier.back();
    frontier.pop_back();
    if (found.size() == count && nearest < found.front()) break;
    walk.Look(Links(nearest.node, 0), true);
    for (const Near& near : walk.fresh) add(near);
  }
  examined += walk.looked;
  if (walk.looked > budget) return false;
  for (const Near& near : found) hits.push_back({slots_[near.node], near.cosine});
  return true;
}

}  // namespace hadal::retrieval
