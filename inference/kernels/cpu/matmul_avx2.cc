#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_avx2.h"

namespace hadal::inference {

const MatMulPart kAvx2MatMul = {VecAvx2::kBundleRows, MatMulKernels<VecAvx2>::QuantizeRow,
                                  MatMulKernels<VecAvx2>::Groups};

}  // namespace hadal::inference
