#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

const AttentionPart kAvx512Attention = {AttentionKernels<VecAvx512>::Tile};

}  // namespace hadal::inference
