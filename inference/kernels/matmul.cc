#include "inference/kernels/matmul.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/kernel_table.h"

namespace hadal::inference {
namespace {

// Weight bytes one claim of a worker covers when few rows of x make the op memory-bound: some
// 10 microseconds, far above the cost of a claim and far below a time slice.
constexpr int64_t kStreamBytes = 128 << 10;

struct alignas(64) CacheLine {
  uint8_t bytes[64];
};

// Scratch that stays with its thread, so that no op allocates in the steady state.
template <typename T>
T* Scratch(int64_t count) {
  thread_local std::vector<T> buffer;
  if (static_cast<int64_t>(buffer.size()) < count) buffer.resize(static_cast<size_t>(count));
  return buffer.data();
}

const ActivationBlock* Quantize(const CpuDevice& device, ConstMatrixView x) {
  const int64_t blocks = x.cols / 32;
  auto* out = Scratch<ActivationBlock>(x.rows * blocks);
  const auto quantize = device.kernels().matmul->quantize_row;
  device.pool().ParallelFor(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) quantize(x.row(r), x.cols, out + r * blocks);
  });
  return out;
}

struct Product {
  const MatMulTask* task;
  int64_t first_group;  // in the numbering over all tasks
};

void RunGroups(const CpuDevice& device, ConstMatrixView x, const ActivationBlock* blocks,
               const MatMulTask& task, int64_t begin, int64_t end) {
  const PackedMatrix& weight = *task.weight;
  MatMulGroups args = {};
  args.type = weight.type();
  args.group_bytes = weight.group_bytes();
  args.cols = weight.cols();
  args.blocks = blocks;
  args.x = x.data;
  args.x_stride = x.stride;
  args.num_rows = x.rows;
  args.y_stride = task.y.stride;
  args.accumulate = task.accumulate;
  if (!IsFloat(weight.type()) && x.rows > kMaxDirectRows) {
    args.panel = Scratch<CacheLine>(kMaxPanelGroups * PanelBytes(args.cols) / 64)->bytes;
  }
  for (int64_t g = begin; g < end; g += kMaxPanelGroups) {
    const int64_t stop = std::min(end, g + kMaxPanelGroups);
    args.groups = weight.group(g);
    args.num_groups = static_cast<int32_t>(stop - g);
    args.last_rows = static_cast<int32_t>(
        std::min<int64_t>(kPackRows, weight.rows() - (stop - 1) * kPackRows));
    args.bias = task.bias == nullptr ? nullptr : task.bias + g * kPackRows;
    args.y = task.y.data + g * kPackRows;
    device.kernels().matmul->groups(args);
  }
}

}  // namespace

void MatMul(const CpuDevice& device, ConstMatrixView x, absl::Span<const MatMulTask> tasks) {
  if (x.rows == 0 || tasks.empty()) return;
  std::vector<Product> products;
  int64_t groups = 0;
  int64_t max_group_bytes = 1;
  bool quantized = false;
  for (const MatMulTask& task : tasks) {
    CHECK(task.weight->cols() == x.cols && task.weight->rows() == task.y.cols &&
          task.y.rows == x.rows);
    products.push_back({&task, groups});
    groups += task.weight->num_groups();
    max_group_bytes = std::max(max_group_bytes, task.weight->group_bytes());
    quantized = quantized || !IsFloat(task.weight->type());
  }
  const ActivationBlock* blocks = quantized ? Quantize(device, x) : nullptr;
  const int64_t grain = x.rows > kMaxDirectRows
                            ? kMaxPanelGroups
                            : std::max<int64_t>(1, kStreamBytes / max_group_bytes);
  device.pool().ParallelFor(groups, grain, [&](int64_t begin, int64_t end) {
    for (const Product& product : products) {
      const int64_t last = product.first_group + product.task->weight->num_groups();
      const int64_t from = std::max(begin, product.first_group);
      const int64_t to = std::min(end, last);
      if (from >= to) continue;
      RunGroups(device, x, blocks, *product.task, from - product.first_group,
                to - product.first_group);
    }
  });
}

}  // namespace hadal::inference
