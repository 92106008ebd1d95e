#include "retrieval/index/dense_scan.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "retrieval/index/dot_product.h"
#include "retrieval/rank/fusion.h"

namespace hadal::retrieval {

std::vector<float> ExactCosines(absl::Span<const float> query, absl::Span<const SearchPart> parts,
                                absl::Span<const size_t> positions) {
  std::vector<float> cosines(positions.size());
  std::vector<uint32_t> slots;
  size_t first = 0;
  for (const SearchPart& part : parts) {
    slots.clear();
    for (size_t i = first; i < positions.size() && positions[i] < part.end(); ++i) {
      slots.push_back(part.slot(positions[i]));
    }
    const VectorRows rows = part.segment->rows();
    FastestScoreRows()(rows.vectors, rows.dim, query.data(), slots, cosines.data() + first);
    first += slots.size();  // a row without a vector is all zeros
  }
  return cosines;
}

DenseScan::DenseScan(absl::Span<const float> query, absl::Span<const SearchPart> parts)
    : query_(query),
      parts_(parts),
      coded_(query),
      cosines_(parts.empty() ? 0 : parts.back().end()),
      bounds_(cosines_.size()),
      groups_(cosines_.size()) {
  for (const SearchPart& part : parts_) ScanPart(part);
}

void DenseScan::ScanPart(const SearchPart& part) {
  constexpr size_t kBatch = 1024;  // its integers stay in the first cache
  std::array<int32_t, kBatch> products;
  const VectorRows rows = part.segment->rows();
  CHECK(rows.dim == query_.size());
  const uint8_t* languages = part.segment->languages().data();
  const absl::Span<const uint32_t> slots = part.allowed->slots();
  const float exact_row = coded_.Error(0, rows.max_norm);
  const float by_error = coded_.Error(1, rows.max_norm) - exact_row;
  for (size_t first = 0; first < slots.size(); first += kBatch) {
    const absl::Span<const uint32_t> batch = slots.subspan(first, kBatch);
    FastestCodeKernels().scan(rows.codes, coded_, batch, products.data());
    for (size_t i = 0; i < batch.size(); ++i) {
      const uint32_t slot = batch[i];
      const size_t position = part.first + first + i;
      cosines_[position] = static_cast<float>(products[i]) * (coded_.scale() * rows.scales[slot]);
      bounds_[position] = exact_row + by_error * rows.errors[slot];
      groups_[position] = languages[slot];
    }
  }
  if (part.segment->embedded().empty()) return;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (part.segment->HasVector(slots[i])) continue;
    cosines_[part.first + i] = 0;
    bounds_[part.first + i] = 0;
    groups_[part.first + i] = LanguageScaling::kNoVector;
    ++without_vector_;
  }
}

void DenseScan::Refine(absl::Span<const size_t> positions) {
  const std::vector<float> exact = ExactCosines(query_, parts_, positions);
  for (size_t i = 0; i < positions.size(); ++i) {
    cosines_[positions[i]] = exact[i];
    bounds_[positions[i]] = 0;
  }
}

}  // namespace hadal::retrieval
