#include "inference/kernels/cpu/encoder_attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_scalar.h"

namespace hadal::inference {

const EncoderAttentionPart kScalarEncoderAttention = {EncoderAttentionKernels<VecScalar>::Head};

}  // namespace hadal::inference
