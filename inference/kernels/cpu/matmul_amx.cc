#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_amx.h"

namespace hadal::inference {
namespace {

// Tiles are for many rows; registers that are not given back make every switch of threads slower.
void Groups(const MatMulGroups& args) {
  const bool small = args.num_rows <= kDirectRows;
  // Q6_K has a scale per 16 columns: half a tile, which takes as long as a whole one.
  const bool halves = PackedLayoutOf(args.type).scales == 2;
  if (IsFloat(args.type) || small || halves) return kAvx512MatMul.groups(args);
  MatMulKernels<VecAmx>::QuantizedPanels(args);
  _tile_release();
}

}  // namespace

const MatMulPart kAmxMatMul = {VecAmx::kBundleRows, MatMulKernels<VecAvx512>::QuantizeRow, Groups};

}  // namespace hadal::inference
