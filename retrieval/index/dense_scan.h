#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "retrieval/index/row_codes.h"
#include "retrieval/index/search_part.h"

namespace hadal::retrieval {

/// float32's cosines of chosen positions, ascending: [positions]. 0 without a vector.
std::vector<float> ExactCosines(absl::Span<const float> query, absl::Span<const SearchPart> parts,
                                absl::Span<const size_t> positions);

/// The cosines of one query with all positions: by codes at first, each with a bound of its
/// distance from float32's, and float32's own where Refine() was asked for them. The query and the
/// parts must outlive it. Thread-compatible.
class DenseScan {
 public:
  DenseScan(absl::Span<const float> query, absl::Span<const SearchPart> parts);

  size_t size() const { return cosines_.size(); }
  /// [positions]; what float32 gives is at most bounds()[i] away. 0 without a vector.
  const std::vector<float>& cosines() const { return cosines_; }
  const std::vector<float>& bounds() const { return bounds_; }
  /// [positions] the language, or LanguageScaling::kNoVector.
  const std::vector<uint16_t>& groups() const { return groups_; }
  int64_t without_vector() const { return without_vector_; }

  /// Gives these positions, ascending, float32's cosine and the bound 0.
  void Refine(absl::Span<const size_t> positions);

 private:
  void ScanPart(const SearchPart& part);

  const absl::Span<const float> query_;
  const absl::Span<const SearchPart> parts_;
  const CodedQuery coded_;
  std::vector<float> cosines_;
  std::vector<float> bounds_;
  std::vector<uint16_t> groups_;
  int64_t without_vector_ = 0;
};

}  // namespace hadal::retrieval
