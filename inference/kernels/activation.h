#pragma once

#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// y = silu(gate) * up with silu(v) = v / (1 + exp(-v)). All [rows, cols]; y may be gate or up.
void SiluMul(const Device& device, ConstMatrixView gate, ConstMatrixView up, MatrixView y);

/// y = x * Phi(x), Phi by the error function (not its tanh approximation), to 2e-7 absolute.
/// x, y [rows, cols]; y may be x.
void Gelu(const Device& device, ConstMatrixView x, MatrixView y);

/// y = exp(x - max(x)) / sum, row by row. x, y [rows, cols >= 1]; y may be x. -inf gives 0.
void Softmax(const Device& device, ConstMatrixView x, MatrixView y);

/// Row r of y *= sigmoid(logits[r]). logits [rows, 1], y [rows, cols].
void ScaleBySigmoid(const Device& device, ConstMatrixView logits, MatrixView y);

/// y += x. Both [rows, cols].
void AddInPlace(const Device& device, ConstMatrixView x, MatrixView y);

}  // namespace hadal::inference
