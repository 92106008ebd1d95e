#pragma once

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// One product of MatMul: y = x * weight^T (+ bias) or y += x * weight^T (+ bias).
template <typename Matrix>
struct MatMulTaskOf {
  const Matrix* weight = nullptr;  ///< [y.cols, x.cols]
  const float* bias = nullptr;     ///< [y.cols], may be absent
  MatrixView y;                    ///< [x.rows, y.cols]; must not overlap x
  bool accumulate = false;         ///< adds to what y holds (a residual stream)
};
using MatMulTask = MatMulTaskOf<PackedMatrix>;

/// Runs all tasks on the same x [rows, cols] f32 in one pass of the pool. For block-quantised
/// weights the rows of x are first rounded to int8 with one float32 scale per 32 values, and dot
/// products inside a block are exact integers; float weights multiply in float32. A row of y
/// depends on its row of x only, bit for bit, whatever the number of rows and threads. Shapes are
/// checked with CHECK. Thread-safe.
void MatMul(const Device& device, ConstMatrixView x, absl::Span<const MatMulTask> tasks);

/// A product with an input of its own.
struct GroupedMatMulTask {
  ConstMatrixView x;
  MatMulTask product;
  /// Where given, the input is silu(x) * up, both [rows, cols] and with x's stride: what a SwiGLU's
  /// last projection reads, rounded as it is made.
  const float* up = nullptr;
  /// Where given, row i of the input is row rows[i] of x: an expert's tokens. Of y.rows; not with
  /// `up`.
  const int64_t* rows = nullptr;
};

/// Grouped GEMM: runs all tasks, which may differ in input, rows and shape, in one pass of the
/// pool; rows may be none. What MatMul promises for a row holds here too: experts, and heads with a
/// matrix of their own, give the same bits alone and in any company. Thread-safe.
void GroupedMatMul(const Device& device, absl::Span<const GroupedMatMulTask> tasks);

inline void MatMul(const Device& device, ConstMatrixView x, const PackedMatrix& weight,
                   const float* bias, MatrixView y, bool accumulate = false) {
  const MatMulTask task{&weight, bias, y, accumulate};
  MatMul(device, x, absl::MakeConstSpan(&task, 1));
}

}  // namespace hadal::inference
