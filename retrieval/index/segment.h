#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/types/span.h"
#include "retrieval/index/posting_list.h"
#include "retrieval/rank/tokens.h"

namespace hadal::retrieval {

class Graph;

/// The vectors of a segment, by slot: codes for the scan, float32 for the candidates.
struct VectorRows {
  size_t dim = 0;
  const float* vectors = nullptr;  ///< [slots, dim]
  const int8_t* codes = nullptr;   ///< [slots, CodeStride(dim)]
  const float* scales = nullptr;   ///< [slots]
  const float* errors = nullptr;   ///< [slots] RowCode::error
  float max_norm = 0;              ///< of all rows
};

/// Some chunks of a base in slots 0..size-1, ascending by chunk number: what does not change when
/// labels do or documents leave. Views stay valid until the segment grows. Thread-compatible.
class Segment {
 public:
  virtual ~Segment() = default;

  uint32_t size() const { return static_cast<uint32_t>(numbers().size()); }
  virtual absl::Span<const uint64_t> numbers() const = 0;
  virtual absl::Span<const uint32_t> lengths() const = 0;  ///< terms of a chunk
  virtual absl::Span<const uint8_t> languages() const = 0;
  virtual VectorRows rows() const = 0;
  /// Over all slots of a language each, for languages of many slots.
  virtual absl::Span<const Graph> graphs() const;
  /// [slots] nonzero where there is a vector; empty: everywhere.
  virtual absl::Span<const uint8_t> embedded() const { return {}; }
  virtual PostingList Postings(TermId term) const = 0;
  /// Every term, ascending.
  virtual void ForEachTerm(const std::function<void(TermId, const PostingList&)>& visit) const = 0;

  /// The first slot of chunk `number` or above.
  uint32_t FirstSlot(uint64_t number) const;
  bool HasVector(uint32_t slot) const { return embedded().empty() || embedded()[slot] != 0; }
};

}  // namespace hadal::retrieval
