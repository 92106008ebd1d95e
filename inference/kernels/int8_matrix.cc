#include "inference/kernels/int8_matrix.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {
namespace {

constexpr int64_t kPartCols = kInt8WeightChunks * kInt8ChunkCols;

/// Columns that share a scale, into the lane's bytes of a group at them; returns the scale. `bias`:
/// what the kernels want added to each number, 0 or 128.
float RoundPart(absl::Span<const float> values, uint8_t bias, uint8_t* lane) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::fabs(value));
  const float inverse = most > 0 ? 127.0f / most : 0.0f;
  for (size_t c = 0; c < values.size(); ++c) {
    const auto rounded = static_cast<int8_t>(std::lrint(values[c] * inverse));
    lane[c / 4 * 4 * kPackRows + c % 4] =
        static_cast<uint8_t>(static_cast<uint8_t>(rounded) + bias);
  }
  return most / 127.0f;
}

}  // namespace

int64_t Int8Matrix::parts() const { return (cols_ + kPartCols - 1) / kPartCols; }

StatusOr<Int8Matrix> Int8Matrix::Round(const PackedMatrix& weights, const Device& device) {
  Int8Matrix matrix;
  matrix.rows_ = weights.rows();
  matrix.cols_ = weights.cols();
  const int64_t bytes = matrix.num_groups() * matrix.group_bytes();
  const auto scales_bytes =
      matrix.num_groups() * matrix.parts() * kPackRows * int64_t{sizeof(float)};
  ASSIGN_OR_RETURN(matrix.buffer_,
                   AlignedBuffer::Allocate(static_cast<size_t>(bytes + scales_bytes),
                                           AlignedBuffer::Pages::kShared));
  auto* const scales = reinterpret_cast<float*>(matrix.buffer_.data() + bytes);
  const auto bias = static_cast<uint8_t>(device.cpu().kernels().int8_matmul->weight_bias);
  device.cpu().pool().ParallelFor(matrix.num_groups(), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> values(static_cast<size_t>(matrix.padded_cols()));
    for (int64_t r = begin * kPackRows; r < std::min(end * kPackRows, matrix.rows_); ++r) {
      weights.UnpackRow(r, values.data());  // the padding stays zero
      const int64_t group = r / kPackRows, lane = r % kPackRows;
      for (int64_t part = 0; part < matrix.parts(); ++part) {
        const int64_t col = part * kPartCols;
        uint8_t* to = matrix.buffer_.data() + group * matrix.group_bytes() + col * kPackRows;
        scales[(group * matrix.parts() + part) * kPackRows + lane] =
            RoundPart(absl::MakeConstSpan(values).subspan(static_cast<size_t>(col), kPartCols),
                      bias, to + lane * 4);
      }
    }
  });
  return matrix;
}

}  // namespace hadal::inference
