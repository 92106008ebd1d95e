#include "inference/kernels/cpu/encoder_attention_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_amx.h"

namespace hadal::inference {
namespace {

// Tile registers that are not given back make every switch of threads slower.
void Head(const EncoderAttention& args) {
  EncoderAttentionKernels<VecAmx>::Head(args);
  _tile_release();
}

}  // namespace

const EncoderAttentionPart kAmxEncoderAttention = {Head};

}  // namespace hadal::inference
