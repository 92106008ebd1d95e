#pragma once

#include <cstdint>

namespace hadal::inference {

/// Rows of float32 in memory somebody else owns; row r starts at data + r * stride.
struct MatrixView {
  float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatrixView() = default;
  MatrixView(float* data_in, int64_t rows_in, int64_t cols_in)
      : MatrixView(data_in, rows_in, cols_in, cols_in) {}
  MatrixView(float* data_in, int64_t rows_in, int64_t cols_in, int64_t stride_in)
      : data(data_in), rows(rows_in), cols(cols_in), stride(stride_in) {}
  float* row(int64_t r) const { return data + r * stride; }
};

struct ConstMatrixView {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  ConstMatrixView() = default;
  ConstMatrixView(const float* data_in, int64_t rows_in, int64_t cols_in)
      : ConstMatrixView(data_in, rows_in, cols_in, cols_in) {}
  ConstMatrixView(const float* data_in, int64_t rows_in, int64_t cols_in, int64_t stride_in)
      : data(data_in), rows(rows_in), cols(cols_in), stride(stride_in) {}
  // Reading through a writable view is always fine.
  ConstMatrixView(const MatrixView& other)  // NOLINT(google-explicit-constructor)
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}
  const float* row(int64_t r) const { return data + r * stride; }
};

}  // namespace hadal::inference
