#include <algorithm>

#include "base/check.h"
#include "inference/kernels/activation.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/norm.h"

// Ops whose rows are independent and cheap: each worker takes a few rows at a time.

namespace hadal::inference {
namespace {

// Enough work to be worth waking a worker.
constexpr int64_t kValuesPerChunk = 16384;

template <typename Body>
void ForEachRow(const CpuDevice& device, int64_t rows, int64_t cols, Body body) {
  const int64_t grain = std::max<int64_t>(1, kValuesPerChunk / std::max<int64_t>(1, cols));
  device.pool().ParallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

bool SameShape(const ConstMatrixView& a, const ConstMatrixView& b) {
  return a.rows == b.rows && a.cols == b.cols;
}

}  // namespace

void RmsNorm(const CpuDevice& device, ConstMatrixView x, const float* weight, float eps,
             MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.kernels().elementwise->rms_norm(x.row(r), weight, eps, x.cols, y.row(r));
  });
}

void LayerNorm(const CpuDevice& device, ConstMatrixView x, const float* weight, const float* bias,
               float eps, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.kernels().elementwise->layer_norm(x.row(r), weight, bias, eps, x.cols, y.row(r));
  });
}

void SiluMul(const CpuDevice& device, ConstMatrixView gate, ConstMatrixView up, MatrixView y) {
  CHECK(SameShape(gate, up) && SameShape(gate, y));
  ForEachRow(device, gate.rows, gate.cols, [&](int64_t r) {
    device.kernels().elementwise->silu_mul(gate.row(r), up.row(r), gate.cols, y.row(r));
  });
}

void Gelu(const CpuDevice& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.kernels().elementwise->gelu(x.row(r), x.cols, y.row(r));
  });
}

void Softmax(const CpuDevice& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y) && x.cols > 0);
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.kernels().elementwise->softmax(x.row(r), x.cols, y.row(r));
  });
}

void AddInPlace(const CpuDevice& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.kernels().elementwise->add(x.row(r), x.cols, y.row(r));
  });
}

void EmbeddingLookup(const CpuDevice& device, const StoredTable& table,
                     absl::Span<const int32_t> ids, MatrixView out) {
  const ElementTraits traits = TraitsOf(table.type);
  CHECK(table.cols % traits.block_values == 0 && out.cols == table.cols);
  CHECK(out.rows == static_cast<int64_t>(ids.size()));
  const int64_t row_bytes = table.cols / traits.block_values * traits.block_bytes;
  CHECK(static_cast<int64_t>(table.data.size()) >= table.rows * row_bytes);
  ForEachRow(device, out.rows, table.cols, [&](int64_t r) {
    const int32_t id = ids[static_cast<size_t>(r)];
    CHECK(id >= 0 && id < table.rows);
    DequantizeRow(table.type, table.data.data() + id * row_bytes, table.cols, out.row(r));
  });
}

void EmbeddingLookup(const CpuDevice& device, const PackedMatrix& table,
                     absl::Span<const int32_t> ids, MatrixView out) {
  CHECK(out.cols == table.cols() && out.rows == static_cast<int64_t>(ids.size()));
  ForEachRow(device, out.rows, out.cols, [&](int64_t r) {
    const int32_t id = ids[static_cast<size_t>(r)];
    CHECK(id >= 0 && id < table.rows());
    table.UnpackRow(id, out.row(r));
  });
}

}  // namespace hadal::inference
