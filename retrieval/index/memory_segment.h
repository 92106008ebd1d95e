#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "retrieval/index/segment.h"

namespace hadal::retrieval {

/// The segment new chunks come into. Thread-compatible.
class MemorySegment final : public Segment {
 public:
  explicit MemorySegment(int32_t dim);

  /// A chunk of a number above all others. vector [dim], or empty: SetVector() brings it.
  void Add(uint64_t number, uint8_t language, const TermCounts& terms,
           absl::Span<const float> vector);
  void SetVector(uint32_t slot, absl::Span<const float> vector);

  absl::Span<const uint64_t> numbers() const override { return numbers_; }
  absl::Span<const uint32_t> lengths() const override { return lengths_; }
  absl::Span<const uint8_t> languages() const override { return languages_; }
  absl::Span<const uint8_t> embedded() const override { return embedded_; }
  VectorRows rows() const override;
  PostingList Postings(TermId term) const override;
  void ForEachTerm(const std::function<void(TermId, const PostingList&)>& visit) const override;

 private:
  struct Term {
    std::vector<Posting> postings;
    std::vector<PostingBlock> blocks;
  };

  const size_t dim_;
  std::vector<uint64_t> numbers_;
  std::vector<uint32_t> lengths_;
  std::vector<uint8_t> languages_;
  std::vector<uint8_t> embedded_;
  std::vector<float> vectors_;
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<float> errors_;
  float max_norm_ = 0;
  std::unordered_map<TermId, Term> terms_;
};

}  // namespace hadal::retrieval
