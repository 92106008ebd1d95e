#include "inference/kernels/cpu/encoder_attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx2.h"

namespace hadal::inference {

const EncoderAttentionPart kAvx2EncoderAttention = {EncoderAttentionKernels<VecAvx2>::Head};

}  // namespace hadal::inference
