#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx2.h"

namespace hadal::inference {

const AttentionPart kAvx2Attention = {AttentionKernels<VecAvx2>::Tile};

}  // namespace hadal::inference
