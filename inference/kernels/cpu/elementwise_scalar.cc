#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

const ElementwisePart kScalarElementwise = {
    ElementwiseKernels<VecScalar>::RmsNorm,    ElementwiseKernels<VecScalar>::LayerNorm,
    ElementwiseKernels<VecScalar>::SiluMul,    ElementwiseKernels<VecScalar>::Gelu,
    ElementwiseKernels<VecScalar>::Softmax,    ElementwiseKernels<VecScalar>::Add,
    ElementwiseKernels<VecScalar>::RopeHalves, ElementwiseKernels<VecScalar>::RopeInterleaved,
    ElementwiseKernels<VecScalar>::BlockMaxima,
    ElementwiseKernels<VecScalar>::BlockExpSums, ElementwiseKernels<VecScalar>::ScaledExp,
};

}  // namespace hadal::inference
