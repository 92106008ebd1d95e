#include "inference/kernels/cpu/encoder_attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

const EncoderAttentionPart kAvx512EncoderAttention = {EncoderAttentionKernels<VecAvx512>::Head};

}  // namespace hadal::inference
