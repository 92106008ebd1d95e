#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/kernels/device.h"
#include "inference/tensor/aligned_buffer.h"
#include "inference/tensor/element_type.h"

namespace hadal::inference {

/// Rows whose weights are interleaved: one 512-bit register holds one 4-byte step of 16 rows.
inline constexpr int32_t kPackRows = 16;

enum class PackPrecision {
  kStored,   ///< the stored bits, rearranged: nothing is lost, nothing grows beyond 3 %
  kFloat32,  ///< widened to float32
};

/// A weight matrix [rows, cols] rearranged for the matmul kernels: groups of 16 rows, and inside a
/// group blocks of 32 columns as 8 steps of 16 rows x 4 columns (what one vpdpbusd takes), low bits
/// packed, scales beside. Thread-safe (const after Pack).
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// `data`: rows of whole blocks as in a file; `scales`: of kF8E4M3 and of no other type, one per
  /// block, [Fp8Blocks(rows), Fp8Blocks(cols)]. INVALID_ARGUMENT when a size does not fit the
  /// shape, cols are no whole blocks or an E4M3 weight is NaN; RESOURCE_EXHAUSTED without memory.
  static StatusOr<PackedMatrix> Pack(ElementType type, int64_t rows, int64_t cols,
                                     absl::Span<const uint8_t> data, PackPrecision precision,
                                     const Device& device, absl::Span<const float> scales = {});

  /// What Pack() takes in memory for such a matrix, without looking at one.
  static int64_t PackedBytes(ElementType type, int64_t rows, int64_t cols,
                             PackPrecision precision = PackPrecision::kStored);

  ElementType type() const { return type_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  size_t size_bytes() const { return buffer_.size(); }
  int64_t num_groups() const { return (rows_ + kPackRows - 1) / kPackRows; }
  int64_t group_bytes() const { return group_bytes_; }
  /// Row r as float32, out [cols]: what a lookup table of embeddings needs.
  void UnpackRow(int64_t r, float* out) const;
  const uint8_t* group(int64_t g) const { return buffer_.data() + g * group_bytes_; }

 private:
  ElementType type_ = ElementType::kF32;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t group_bytes_ = 0;
  AlignedBuffer buffer_;
};

/// One stored row to float32: what the numbers of a file mean. `data` is the row, out [cols];
/// `scales`: of kF8E4M3, those of the row, one per kFp8Block columns.
void DequantizeRow(ElementType type, const uint8_t* data, int64_t cols, float* out,
                   const float* scales = nullptr);

}  // namespace hadal::inference
