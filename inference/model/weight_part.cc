#include "inference/model/weight_part.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace hadal::inference {
namespace {

/// The stored matrix a part is cut from.
struct Source {
  ElementType type;
  int64_t rows;
  int64_t cols;
  size_t row_bytes;
  absl::Span<const uint8_t> data;
  absl::Span<const float> scales;

  const uint8_t* row(int64_t r) const { return data.data() + static_cast<size_t>(r) * row_bytes; }
  const float* row_scales(int64_t r) const {
    return scales.empty() ? nullptr : scales.data() + r / kFp8Block * Fp8Blocks(cols);
  }
};

StatusOr<Source> CheckSource(const Weight& weight, ElementType type) {
  CHECK(weight.shape.size() == 2);
  const ElementTraits traits = TraitsOf(type);
  Source source{type, weight.shape[0], weight.shape[1], 0, weight.data, weight.scales};
  source.row_bytes = static_cast<size_t>(source.cols / traits.block_values * traits.block_bytes);
  const bool fp8 = type == ElementType::kF8E4M3;
  const int64_t scales = fp8 ? Fp8Blocks(source.rows) * Fp8Blocks(source.cols) : 0;
  if (source.cols % traits.block_values != 0 ||
      weight.data.size() != static_cast<size_t>(source.rows) * source.row_bytes ||
      static_cast<int64_t>(weight.scales.size()) != scales) {
    return InvalidArgument("{} x {} values of type {} do not fit {} bytes and {} scales",
                           source.rows, source.cols, traits.name, weight.data.size(),
                           weight.scales.size());
  }
  return source;
}

// Whether the part's own grid of blocks, which begins where the part begins, is part of the grid.
bool OnGrid(const ShardRange& range, int64_t size, int64_t block) {
  return range.begin % block == 0 && (range.end % block == 0 || range.end == size);
}
bool OnFp8Grid(const ShardRange& range) {
  return range.begin % kFp8Block == 0 ||
         range.begin / kFp8Block == (range.end - 1) / kFp8Block;  // one block, one scale
}

StatusOr<WeightPart> Widen(const Source& source, const TensorPart& part) {
  WeightPart out;
  out.rows = part.rows.count();
  out.cols = part.cols.count();
  out.wide.resize(static_cast<size_t>(out.rows * out.cols));
  std::vector<float> row(static_cast<size_t>(source.cols));
  for (int64_t r = 0; r < out.rows; ++r) {
    const int64_t from = part.rows.begin + r;
    DequantizeRow(source.type, source.row(from), source.cols, row.data(), source.row_scales(from));
    std::copy_n(row.begin() + part.cols.begin, out.cols, out.wide.begin() + r * out.cols);
  }
  const auto nan = [](float value) { return std::isnan(value); };
  if (source.type == ElementType::kF8E4M3 && std::any_of(out.wide.begin(), out.wide.end(), nan)) {
    return InvalidArgument("an E4M3 weight is NaN; copy the model again");
  }
  out.data = {reinterpret_cast<const uint8_t*>(out.wide.data()), out.wide.size() * sizeof(float)};
  return out;
}

void CutScales(const Source& source, const TensorPart& part, WeightPart* out) {
  const int64_t first = part.cols.begin / kFp8Block;
  for (int64_t r = 0; r < Fp8Blocks(out->rows); ++r) {
    const float* row = source.row_scales(part.rows.begin + r * kFp8Block);
    out->own_scales.insert(out->own_scales.end(), row + first, row + first + Fp8Blocks(out->cols));
  }
  out->scales = out->own_scales;
}

}  // namespace

StatusOr<WeightPart> CutWeight(const Weight& weight, ElementType type, const TensorPart& part,
                               PackPrecision precision) {
  ASSIGN_OR_RETURN(const Source source, CheckSource(weight, type));
  CHECK(!part.empty() && part.rows.begin >= 0 && part.rows.end <= source.rows &&
        part.cols.begin >= 0 && part.cols.end <= source.cols);
  const ElementTraits traits = TraitsOf(type);
  const bool fp8 = type == ElementType::kF8E4M3;
  if (precision == PackPrecision::kFloat32 ||
      !OnGrid(part.cols, source.cols, traits.block_values) ||
      (fp8 && !(OnFp8Grid(part.rows) && OnFp8Grid(part.cols)))) {
    return Widen(source, part);
  }
  WeightPart out;
  out.type = type;
  out.rows = part.rows.count();
  out.cols = part.cols.count();
  if (fp8) CutScales(source, part, &out);
  if (out.cols == source.cols) {
    out.data = source.data.subspan(static_cast<size_t>(part.rows.begin) * source.row_bytes,
                                   static_cast<size_t>(out.rows) * source.row_bytes);
    return out;
  }
  const auto bytes_of = [&traits](int64_t cols) {
    return static_cast<size_t>(cols / traits.block_values * traits.block_bytes);
  };
  const size_t row_bytes = bytes_of(out.cols);
  out.own_data.resize(static_cast<size_t>(out.rows) * row_bytes);
  for (int64_t r = 0; r < out.rows; ++r) {
    std::memcpy(out.own_data.data() + static_cast<size_t>(r) * row_bytes,
                source.row(part.rows.begin + r) + bytes_of(part.cols.begin), row_bytes);
  }
  out.data = out.own_data;
  return out;
}

}  // namespace hadal::inference
