#pragma once

#include <cstdint>

#include "base/status.h"
#include "inference/kernels/device.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/tensor/aligned_buffer.h"

namespace hadal::inference {

/// Weights [rows, cols] rounded to int8 with one float32 scale per row and 384 columns, for the
/// MatMul of int8_matmul.h: what an encoder's quantised weights become, whose vectors bear the
/// rounding. Groups of 16 rows as steps of 16 rows x 4 columns, columns padded with zeros to
/// multiples of 64. Thread-safe (const after Round).
class Int8Matrix {
 public:
  Int8Matrix() = default;
  /// For the kernels of `device`. RESOURCE_EXHAUSTED without memory.
  static StatusOr<Int8Matrix> Round(const PackedMatrix& weights, const Device& device);

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t padded_cols() const { return (cols_ + 63) / 64 * 64; }
  int64_t num_groups() const { return (rows_ + kPackRows - 1) / kPackRows; }
  int64_t group_bytes() const { return padded_cols() * kPackRows; }
  /// Of a row that have a scale.
  int64_t parts() const;
  const uint8_t* group(int64_t g) const { return buffer_.data() + g * group_bytes(); }
  /// [parts(), 16]: of the group's rows, per 384 columns.
  const float* scales(int64_t g) const {
    return reinterpret_cast<const float*>(buffer_.data() + num_groups() * group_bytes()) +
           g * parts() * kPackRows;
  }

 private:
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  AlignedBuffer buffer_;  // groups, then scales
};

}  // namespace hadal::inference
