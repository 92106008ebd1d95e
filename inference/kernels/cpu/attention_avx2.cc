#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx2.h"

namespace hadal::inference {

using Attention = AttentionKernels<VecAvx2>;

const AttentionPart kAvx2Attention = {Attention::Piece, Attention::Merge, Attention::Finish,
                                      KvRowKernels<VecAvx2>::Store, KvRowKernels<VecAvx2>::LoadRow};

}  // namespace hadal::inference
