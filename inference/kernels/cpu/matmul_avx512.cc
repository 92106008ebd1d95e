#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

const MatMulPart kAvx512MatMul = {VecAvx512::kBundleRows, MatMulKernels<VecAvx512>::QuantizeRow,
                                  MatMulKernels<VecAvx512>::Groups};

}  // namespace hadal::inference
