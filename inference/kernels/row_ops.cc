#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "inference/kernels/activation.h"
#include "inference/kernels/copy.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/norm.h"

// Ops whose rows are independent and cheap: each worker takes a few rows at a time.

namespace hadal::inference {
namespace {

// Enough work to be worth waking a worker.
constexpr int64_t kValuesPerChunk = 16384;

template <typename Body>
void ForEachRow(const Device& device, int64_t rows, int64_t cols, Body body) {
  const int64_t grain = std::max<int64_t>(1, kValuesPerChunk / std::max<int64_t>(1, cols));
  device.cpu().pool().ParallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

bool SameShape(const ConstMatrixView& a, const ConstMatrixView& b) {
  return a.rows == b.rows && a.cols == b.cols;
}

}  // namespace

void RmsNorm(const Device& device, ConstMatrixView x, const float* weight, float eps,
             MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->rms_norm(x.row(r), weight, eps, x.cols, y.row(r));
  });
}

void LayerNorm(const Device& device, ConstMatrixView x, const float* weight, const float* bias,
               float eps, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->layer_norm(x.row(r), weight, bias, eps, x.cols, y.row(r));
  });
}

void SiluMul(const Device& device, ConstMatrixView gate, ConstMatrixView up, MatrixView y) {
  CHECK(SameShape(gate, up) && SameShape(gate, y));
  ForEachRow(device, gate.rows, gate.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->silu_mul(gate.row(r), up.row(r), gate.cols, y.row(r));
  });
}

void Gelu(const Device& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->gelu(x.row(r), x.cols, y.row(r));
  });
}

void Softmax(const Device& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y) && x.cols > 0);
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->softmax(x.row(r), x.cols, y.row(r));
  });
}

void AddInPlace(const Device& device, ConstMatrixView x, MatrixView y) {
  CHECK(SameShape(x, y));
  ForEachRow(device, x.rows, x.cols, [&](int64_t r) {
    device.cpu().kernels().elementwise->add(x.row(r), x.cols, y.row(r));
  });
}

void ScaleBySigmoid(const Device& device, ConstMatrixView logits, MatrixView y) {
  CHECK(logits.rows == y.rows && logits.cols == 1);
  ForEachRow(device, y.rows, y.cols, [&](int64_t r) {
    const float share = 1.0f / (1.0f + std::exp(-*logits.row(r)));
    float* row = y.row(r);
    for (int64_t c = 0; c < y.cols; ++c) row[c] *= share;
  });
}

void CopyRows(const Device& device, ConstMatrixView from, absl::Span<const int64_t> rows,
              MatrixView to) {
  CHECK(from.cols == to.cols && to.rows == static_cast<int64_t>(rows.size()));
  ForEachRow(device, to.rows, to.cols, [&](int64_t r) {
    const int64_t row = rows[static_cast<size_t>(r)];
    CHECK(row >= 0 && row < from.rows);
    std::memcpy(to.row(r), from.row(row), static_cast<size_t>(to.cols) * sizeof(float));
  });
}

void CopyPieces(const Device& device, ConstMatrixView from, int64_t from_step, MatrixView to,
                int64_t to_step, int64_t count, int64_t width) {
  CHECK(from.rows == to.rows);
  ForEachRow(device, to.rows, count * width, [&](int64_t r) {
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(to.row(r) + i * to_step, from.row(r) + i * from_step,
                  static_cast<size_t>(width) * sizeof(float));
    }
  });
}

void EmbeddingLookup(const Device& device, const StoredTable& table,
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

void EmbeddingLookup(const Device& device, const PackedMatrix& table,
                     absl::Span<const int32_t> ids, MatrixView out) {
  CHECK(out.cols == table.cols() && out.rows == static_cast<int64_t>(ids.size()));
  ForEachRow(device, out.rows, out.cols, [&](int64_t r) {
    const int32_t id = ids[static_cast<size_t>(r)];
    CHECK(id >= kNoRow && id < table.rows());
    if (id == kNoRow) {
      std::fill_n(out.row(r), out.cols, 0.0f);
    } else {
      table.UnpackRow(id, out.row(r));
    }
  });
}

}  // namespace hadal::inference
