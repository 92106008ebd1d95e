#include "inference/kernels/cpu/int8_matmul_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

const Int8MatMulPart kScalarInt8MatMul = Int8MatMulKernels<VecScalar>::kPart;

}  // namespace hadal::inference
