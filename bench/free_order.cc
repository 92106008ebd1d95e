// Compiled with -ffast-math and unrolling that splits sums (CMakeLists.txt). Under a name of its
// own, so that no inline function compiled so can stand in for one of the engine's.
#define VecAvx512 VecFreeOrder

#include "bench/free_order.h"

#include "inference/kernels/cpu/attention_impl.h"
#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {
namespace {

using MatMul = MatMulKernels<VecFreeOrder>;
using Attention = AttentionKernels<VecFreeOrder>;
using Rows = KvRowKernels<VecFreeOrder>;
using Elementwise = ElementwiseKernels<VecFreeOrder>;

}  // namespace

const MatMulPart kFreeMatMul = {VecFreeOrder::kBundleRows, MatMul::QuantizeRow, MatMul::Groups};

const AttentionPart kFreeAttention = {Attention::Piece, Attention::Merge, Attention::Finish,
                                      Rows::Store, Rows::LoadRow};

const ElementwisePart kFreeElementwise = {
    Elementwise::RmsNorm,      Elementwise::LayerNorm,       Elementwise::SiluMul,
    Elementwise::Gelu,         Elementwise::Softmax,         Elementwise::Add,
    Elementwise::RopeHalves,   Elementwise::RopeInterleaved, Elementwise::BlockMaxima,
    Elementwise::BlockExpSums, Elementwise::ScaledExp,
};

}  // namespace hadal::inference
