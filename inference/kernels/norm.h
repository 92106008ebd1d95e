#pragma once

#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// y = x / sqrt(mean(x^2) + eps) * weight, row by row, in float32 (arXiv:1910.07467).
/// x, y [rows, cols]; weight [cols]; y may be x.
void RmsNorm(const Device& device, ConstMatrixView x, const float* weight, float eps,
             MatrixView y);

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, row by row, float32 (arXiv:1607.06450).
/// x, y [rows, cols]; weight, bias [cols]; y may be x.
void LayerNorm(const Device& device, ConstMatrixView x, const float* weight, const float* bias,
               float eps, MatrixView y);

}  // namespace hadal::inference
