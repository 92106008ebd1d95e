#include "inference/kernels/cpu/int8_matmul_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

const Int8MatMulPart kAvx512Int8MatMul = Int8MatMulKernels<VecAvx512>::kPart;

}  // namespace hadal::inference
