#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

using Attention = AttentionKernels<VecScalar>;

const AttentionPart kScalarAttention = {Attention::Piece, Attention::Merge, Attention::Finish,
                                        KvRowKernels<VecScalar>::Store,
                                        KvRowKernels<VecScalar>::LoadRow};

}  // namespace hadal::inference
