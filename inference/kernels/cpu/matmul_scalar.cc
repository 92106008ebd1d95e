#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

const MatMulPart kScalarMatMul = {VecScalar::kBundleRows, MatMulKernels<VecScalar>::QuantizeRow,
                                  MatMulKernels<VecScalar>::Groups};

}  // namespace hadal::inference
