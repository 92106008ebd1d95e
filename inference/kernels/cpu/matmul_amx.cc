#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/vec_amx.h"

namespace hadal::inference {
namespace {

// Tiles are for many rows; registers that are not given back make every switch of threads slower.
void Groups(const MatMulGroups& args) {
  if (IsFloat(args.type) || args.num_rows <= kDirectRows) return kAvx512MatMul.groups(args);
  MatMulKernels<VecAmx>::QuantizedPanels(args);
  _tile_release();
}

}  // namespace

const MatMulPart kAmxMatMul = {VecAmx::kBundleRows, MatMulKernels<VecAvx512>::QuantizeRow, Groups};

}  // namespace hadal::inference
