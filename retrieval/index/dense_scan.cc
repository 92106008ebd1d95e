#include "retrieval/index/dense_scan.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "retrieval/index/dot_product.h"
#include "retrieval/rank/fusion.h"

namespace hadal::retrieval {

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
  std::vector<uint32_t> slots;
  std::vector<float> scores;
  size_t first = 0;
  for (const SearchPart& part : parts_) {
    slots.clear();
    size_t end = first;
    for (; end < positions.size() && positions[end] < part.end(); ++end) {
      slots.push_back(part.slot(positions[end]));
    }
    scores.resize(slots.size());
    const VectorRows rows = part.segment->rows();
    FastestScoreRows()(rows.vectors, rows.dim, query_.data(), slots, scores.data());
    for (size_t i = 0; i < scores.size(); ++i) {
      const size_t position = positions[first + i];
      if (groups_[position] == LanguageScaling::kNoVector) continue;
      cosines_[position] = scores[i];
      bounds_[position] = 0;
    }
    first = end;
  }
}

}  // namespace hadal::retrieval
