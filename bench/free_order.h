#pragma once

#include "inference/kernels/cpu/kernel_table.h"

namespace hadal::inference {

/// The engine's own AVX-512 kernels, compiled with leave to add and multiply floats in any order:
/// what determinism forbids the compiler.
extern const MatMulPart kFreeMatMul;
extern const AttentionPart kFreeAttention;
extern const ElementwisePart kFreeElementwise;

}  // namespace hadal::inference
