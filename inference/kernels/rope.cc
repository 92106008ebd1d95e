#include "inference/kernels/rope.h"

#include <cmath>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {

void RopeTable::Compute(const Device& device, absl::Span<const int32_t> positions) {
  num_rows_ = static_cast<int64_t>(positions.size());
  const auto pairs = static_cast<size_t>(num_pairs());
  cos_.resize(positions.size() * pairs);
  sin_.resize(positions.size() * pairs);
  device.cpu().pool().ParallelFor(num_rows_, 32, [&](int64_t begin, int64_t end) {
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
      for (size_t j = 0; j < pairs; ++j) {
        const float angle = static_cast<float>(positions[r]) * inverse_frequency_[j];
        cos_[r * pairs + j] = std::cos(angle) * magnitude_;
        sin_[r * pairs + j] = std::sin(angle) * magnitude_;
      }
    }
  });
}

void ApplyRope(const Device& device, const RopeTable& table, RopeLayout layout,
               int32_t num_heads, MatrixView x) {
  CHECK(x.cols == num_heads * 2 * table.num_pairs());
  ApplyRope(device, table, layout, num_heads, 2 * table.num_pairs(), x);
}

void ApplyRope(const Device& device, const RopeTable& table, RopeLayout layout,
               int32_t num_heads, int64_t head_stride, MatrixView x) {
  const int64_t head_dim = 2 * table.num_pairs();
  CHECK(head_stride >= head_dim && x.cols == (num_heads - 1) * head_stride + head_dim);
  CHECK(table.num_rows() >= x.rows);
  const ElementwisePart& part = *device.cpu().kernels().elementwise;
  const auto rotate = layout == RopeLayout::kHalves ? part.rope_halves : part.rope_interleaved;
  device.cpu().pool().ParallelFor(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int32_t h = 0; h < num_heads; ++h) {
        rotate(table.cos_row(r), table.sin_row(r), table.num_pairs(), x.row(r) + h * head_stride);
      }
    }
  });
}

std::vector<float> RopeInverseFrequencies(int32_t head_dim, float base,
                                          absl::Span<const float> factors) {
  CHECK(factors.empty() || factors.size() == static_cast<size_t>(head_dim / 2));
  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t j = 0; j < frequencies.size(); ++j) {
    frequencies[j] = static_cast<float>(
        1.0 / std::pow(static_cast<double>(base), 2.0 * static_cast<double>(j) / head_dim));
    if (!factors.empty()) frequencies[j] /= factors[j];
  }
  return frequencies;
}

}  // namespace hadal::inference
