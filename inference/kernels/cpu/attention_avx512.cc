#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

using Attention = AttentionKernels<VecAvx512>;

const AttentionPart kAvx512Attention = {Attention::Piece, Attention::Merge, Attention::Finish,
                                        KvRowKernels<VecAvx512>::Store,
                                        KvRowKernels<VecAvx512>::LoadRow};

}  // namespace hadal::inference
