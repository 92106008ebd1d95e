#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

const ElementwisePart kAvx512Elementwise = {
    ElementwiseKernels<VecAvx512>::RmsNorm,    ElementwiseKernels<VecAvx512>::LayerNorm,
    ElementwiseKernels<VecAvx512>::SiluMul,    ElementwiseKernels<VecAvx512>::Gelu,
    ElementwiseKernels<VecAvx512>::Softmax,    ElementwiseKernels<VecAvx512>::Add,
    ElementwiseKernels<VecAvx512>::RopeHalves, ElementwiseKernels<VecAvx512>::RopeInterleaved,
    ElementwiseKernels<VecAvx512>::BlockMaxima,
    ElementwiseKernels<VecAvx512>::BlockExpSums, ElementwiseKernels<VecAvx512>::ScaledExp,
};

}  // namespace hadal::inference
