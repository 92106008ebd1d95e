#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

const AttentionPart kScalarAttention = {AttentionKernels<VecScalar>::Tile};

}  // namespace hadal::inference
