#include "inference/kernels/int8_matmul.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/kept_memory.h"

namespace hadal::inference {
namespace {

// A piece of work: so many rows of x, which stay in a core's cache, and so many columns of y: whole
// chunks, when they are the next product's input.
constexpr int64_t kPieceRows = 128;
constexpr int64_t kPieceCols = 128;
constexpr int64_t kPieceGroups = kPieceCols / kPackRows;
static_assert(kPieceCols % kInt8ChunkCols == 0);

constexpr int64_t Pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

/// Rows of x as the kernels read them, in memory of the thread that asks.
struct RoundedRows {
  int64_t rows, cols, chunks;
  int8_t* q;
  Int8Scale* scales;

  /// cols: of the weight, padded.
  RoundedRows(int64_t num_rows, int64_t num_cols, KeptMemory& numbers, KeptMemory& factors)
      : rows(num_rows),
        cols(num_cols),
        chunks(Pieces(num_cols, kInt8ChunkCols)),
        q(numbers.Reserve<int8_t>((rows + kInt8TileRows) * cols)),
        scales(factors.Reserve<Int8Scale>((rows + kInt8TileRows) * chunks)) {}
};

void Round(const Device& device, ConstMatrixView x, const RoundedRows& to) {
  const Int8MatMulPart& kernels = *device.cpu().kernels().int8_matmul;
  device.cpu().pool().ParallelFor(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels.round_row(x.row(r), x.cols, to.q + r * to.cols, to.scales + r * to.chunks);
      std::fill_n(to.q + r * to.cols + x.cols, to.cols - x.cols, int8_t{0});
    }
  });
}

/// Rows from `first_row` on, all columns; y is at them.
Int8Groups Arguments(const RoundedRows& x, const Int8Matrix& weight, const float* bias,
                     int64_t first_row, int64_t first_group) {
  Int8Groups args = {};
  args.x = x.q + first_row * x.cols;
  args.scales = x.scales + first_row * x.chunks;
  args.chunks = x.chunks;
  args.num_rows = std::min(kPieceRows, x.rows - first_row);
  args.cols = x.cols;
  args.groups = weight.group(first_group);
  args.weight_scales = weight.scales(first_group);
  const int64_t end = std::min(first_group + kPieceGroups, weight.num_groups());
  args.num_groups = static_cast<int32_t>(end - first_group);
  args.last_rows =
      static_cast<int32_t>(std::min<int64_t>(kPackRows, weight.rows() - (end - 1) * kPackRows));
  args.bias = bias == nullptr ? nullptr : bias + first_group * kPackRows;
  return args;
}

/// Calls body(first row, first group) for all pieces of a product of `rows` rows.
template <typename Body>
void ForPieces(const Device& device, int64_t rows, const Int8Matrix& weight, Body body) {
  const int64_t across = Pieces(weight.num_groups(), kPieceGroups);
  device.cpu().pool().ParallelFor(
      Pieces(rows, kPieceRows) * across, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          body(i / across * kPieceRows, i % across * kPieceGroups);
        }
      });
}

void RunTask(const Device& device, const RoundedRows& x, const Int8MatMulTask& task) {
  ForPieces(device, x.rows, *task.weight, [&](int64_t row, int64_t group) {
    Int8Groups args = Arguments(x, *task.weight, task.bias, row, group);
    args.y = task.y.row(row) + group * kPackRows;
    args.y_stride = task.y.stride;
    args.accumulate = task.accumulate;
    device.cpu().kernels().int8_matmul->groups(args);
  });
}

}  // namespace

void MatMul(const Device& device, ConstMatrixView x, absl::Span<const Int8MatMulTask> tasks) {
  if (tasks.empty() || x.rows == 0) return;
  thread_local KeptMemory numbers, factors;
  const RoundedRows rounded(x.rows, tasks[0].weight->padded_cols(), numbers, factors);
  Round(device, x, rounded);
  for (const Int8MatMulTask& task : tasks) {
    CHECK(task.weight->cols() == x.cols && task.weight->rows() == task.y.cols);
    CHECK(task.y.rows == x.rows);
    RunTask(device, rounded, task);
  }
}

void GeluFeedForward(const Device& device, ConstMatrixView x, const Int8Matrix& up,
                         const float* up_bias, const Int8MatMulTask& down) {
  CHECK(up.cols() == x.cols && down.weight->cols() == up.rows());
  CHECK(down.y.rows == x.rows && down.y.cols == down.weight->rows());
  if (x.rows == 0) return;
  const KernelTable& kernels = device.cpu().kernels();
  thread_local KeptMemory numbers, factors, wide_numbers, wide_factors;
  const RoundedRows rounded(x.rows, up.padded_cols(), numbers, factors);
  const RoundedRows wide(x.rows, down.weight->padded_cols(), wide_numbers, wide_factors);
  Round(device, x, rounded);
  ForPieces(device, x.rows, up, [&](int64_t row, int64_t group) {
    thread_local KeptMemory tile;
    Int8Groups args = Arguments(rounded, up, up_bias, row, group);
    const int64_t col = group * kPackRows;
    const int64_t cols = std::min(kPieceCols, up.rows() - col);
    args.y = tile.Reserve<float>(kPieceRows * kPieceCols);
    args.y_stride = kPieceCols;
    kernels.int8_matmul->groups(args);
    for (int64_t r = 0; r < args.num_rows; ++r) {
      float* values = args.y + r * kPieceCols;
      int8_t* q = wide.q + (row + r) * wide.cols + col;
      kernels.elementwise->gelu(values, cols, values);
      kernels.int8_matmul->round_row(values, cols, q,
                                     wide.scales + (row + r) * wide.chunks + col / kInt8ChunkCols);
      if (col + cols == up.rows()) std::fill_n(q + cols, wide.cols - up.rows(), int8_t{0});
    }
  });
  RunTask(device, wide, down);
}

}  // namespace hadal::inference
