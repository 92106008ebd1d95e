#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "retrieval/index/allowed_slots.h"
#include "retrieval/index/row_codes.h"
#include "retrieval/index/segment.h"

namespace hadal::retrieval {

struct GraphHit {
  uint32_t slot = 0;
  float cosine = 0;  ///< by codes
};

/// A hierarchical navigable small world (Malkov and Yashunin, arXiv:1603.09320) over the chunks of
/// one language of a segment: one over all languages would show a reader the question's own only. A
/// view of bytes that FAISS' construction gave; searched by code of ours, since FAISS 1.7.3 keeps
/// its links in memory and gives up under a filter. Thread-safe.
class Graph {
 public:
  /// Reads one graph from the front of `bytes`, and takes its bytes away. DATA_LOSS where a link
  /// leads nowhere: a search never leaves the graph after an OK.
  static StatusOr<Graph> Take(absl::Span<const uint8_t>& bytes, const Segment& segment);

  uint32_t nodes() const { return static_cast<uint32_t>(slots_.size()); }
  absl::Span<const uint32_t> slots() const { return slots_; }  ///< by node, ascending

  /// The allowed slots nearest to the query, at most `count`, in no order: nodes are walked through
  /// whether they are allowed or not, until `count` allowed ones are nearer than what is left to
  /// walk. False once more than `budget` nodes were looked at: a scan is cheaper then. examined: is
  /// raised by the nodes looked at.
  bool Search(const CodedQuery& query, const VectorRows& rows, const AllowedSlots& allowed,
              size_t count, int64_t budget, std::vector<GraphHit>& hits, int64_t& examined) const;

 private:
  struct Walk;

  Status Check(const Segment& segment) const;
  uint32_t Levels(uint32_t node) const { return upper_begin_[node + 1] - upper_begin_[node]; }
  /// Of level 0, or 1 and above. Negative: none.
  absl::Span<const int32_t> Links(uint32_t node, uint32_t level) const;

  uint32_t upper_links_ = 0;
  uint32_t entry_ = 0;
  absl::Span<const uint32_t> slots_;
  absl::Span<const uint32_t> upper_begin_;  // [nodes + 1] lists of links before the node's
  absl::Span<const int32_t> ground_;        // [nodes, 2 * upper_links_]
  absl::Span<const int32_t> upper_;         // [lists, upper_links_]
};

/// Appends a graph over `slots`, ascending, to `bytes`: the same for the same rows. One thread.
void BuildGraph(const VectorRows& rows, absl::Span<const uint32_t> slots, std::string& bytes);

/// In the file before the arrays: slots, upper_begin, ground, upper.
struct GraphHeader {
  uint32_t nodes;
  uint32_t upper_links;
  uint32_t upper_lists;
  uint32_t entry;
};

}  // namespace hadal::retrieval
