#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx2.h"

namespace hadal::inference {

const ElementwisePart kAvx2Elementwise = {
    ElementwiseKernels<VecAvx2>::RmsNorm,    ElementwiseKernels<VecAvx2>::LayerNorm,
    ElementwiseKernels<VecAvx2>::SiluMul,    ElementwiseKernels<VecAvx2>::Gelu,
    ElementwiseKernels<VecAvx2>::Softmax,    ElementwiseKernels<VecAvx2>::Add,
    ElementwiseKernels<VecAvx2>::RopeHalves, ElementwiseKernels<VecAvx2>::RopeInterleaved,
    ElementwiseKernels<VecAvx2>::BlockMaxima,
    ElementwiseKernels<VecAvx2>::BlockExpSums, ElementwiseKernels<VecAvx2>::ScaledExp,
};

}  // namespace hadal::inference
