#pragma once

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/kernels/int8_matrix.h"
#include "inference/kernels/matmul.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

using Int8MatMulTask = MatMulTaskOf<Int8Matrix>;

/// MatMul with coarser scales, so that more of a product is whole numbers: rows of x are rounded to
/// int8 with one float32 scale per 64 columns, weights have one per 384. Dot products over 64
/// columns are exact integers, added in float32 in the order of the columns. A row of y depends on
/// its row of x only, bit for bit, whatever the number of rows, the threads and the instruction
/// set. Shapes are checked with CHECK. Thread-safe.
void MatMul(const Device& device, ConstMatrixView x, absl::Span<const Int8MatMulTask> tasks);

/// down.y (+)= gelu(x * up^T + up_bias) * down.weight^T (+ down.bias): the bits of MatMul, Gelu
/// and MatMul one after the other. What lies between is rounded as it is made and never stored
/// in float32. Thread-safe.
void GeluFeedForward(const Device& device, ConstMatrixView x, const Int8Matrix& up,
                         const float* up_bias, const Int8MatMulTask& down);

}  // namespace hadal::inference
