#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <vector>

#include "absl/types/span.h"

namespace hadal::retrieval {

struct DenseHit {
  uint32_t slot;
  float score;
};

/// The mutable segment of the dense channel: a FAISS flat inner-product index whose storage our own
/// SIMD scan reads. Slots are numbered from 0 in the order of insertion; a slot is never taken out,
/// it only stops being allowed. Thread-compatible.
class DenseIndex {
 public:
  explicit DenseIndex(int32_t dim);
  ~DenseIndex();
  DenseIndex(const DenseIndex&) = delete;
  DenseIndex& operator=(const DenseIndex&) = delete;

  /// vectors [n, dim] row-major, unit length.
  void Add(absl::Span<const float> vectors);
  /// A slot whose vector comes later: all zeros until Set().
  void AddEmpty();
  void Set(uint32_t slot, absl::Span<const float> vector);
  uint32_t size() const;
  int32_t dim() const { return dim_; }
  absl::Span<const float> row(uint32_t slot) const;

  /// Exact cosines of the chosen slots, in their order: [slots].
  std::vector<float> Score(absl::Span<const float> query, absl::Span<const uint32_t> slots) const;

  /// The best `k` of `allowed`, best first, by FAISS itself under an IDSelector over the bitmap.
  /// What comes back is filtered once more against `allowed`: a selector inside an index is no
  /// access check (FAISS ignores it for some settings).
  std::vector<DenseHit> SearchFaiss(absl::Span<const float> query, size_t k,
                                    const ::Roaring& allowed) const;

 private:
  struct Storage;
  const int32_t dim_;
  const std::unique_ptr<Storage> storage_;
};

}  // namespace hadal::retrieval
