#include "inference/kernels/matmul.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

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

/// One task's share of the numbering of weight groups over all tasks.
struct Product {
  const GroupedMatMulTask* task;
  int64_t first_group;
  const ActivationBlock* blocks;  ///< of x, null for float weights
};

/// Few rows are one bundle; more are cut as the kernels like it.
int64_t BundleRows(const MatMulPart& kernels, int64_t rows) {
  return rows <= kDirectRows ? rows : EvenTile(rows, kernels.bundle_rows);
}

/// Row r of x to its places in `out`; see MatMulGroups.
void QuantizeRow(const MatMulPart& kernels, const ConstMatrixView& x, int64_t r, int64_t bundle,
                 ActivationBlock* out) {
  const int64_t first = r / bundle * bundle;
  const int64_t rows = std::min(bundle, x.rows - first);
  for (int64_t col = 0; col < x.cols; col += kPanelCols) {
    const int64_t cols = std::min(kPanelCols, x.cols - col);
    ActivationBlock* piece = out + col / 32 * x.rows + first * (cols / 32);
    kernels.quantize_row(x.row(r) + col, cols, rows, piece + (r - first));
  }
}

// Tasks on the same x, such as gate and up, share its rounding.
void Quantize(const Device& device, absl::Span<Product> products) {
  const auto blocks_of = [](const ConstMatrixView& x) { return x.rows * (x.cols / 32); };
  const auto needs = [](const Product& p) { return !IsFloat(p.task->product.weight->type()); };
  const auto same_x = [](const Product& a, const Product& b) {
    return a.task->x.data == b.task->x.data && a.task->x.rows == b.task->x.rows &&
           a.task->x.stride == b.task->x.stride;
  };
  int64_t total = 0;
  for (const Product& product : products) total += needs(product) ? blocks_of(product.task->x) : 0;
  if (total == 0) return;
  auto* out = Scratch<ActivationBlock>(total + kMaxBundleRows);
  const MatMulPart& kernels = *device.cpu().kernels().matmul;
  const Product* last = nullptr;
  for (Product& product : products) {
    if (!needs(product)) continue;
    const ConstMatrixView& x = product.task->x;
    if (last != nullptr && same_x(*last, product)) {
      product.blocks = last->blocks;
      continue;
    }
    const int64_t bundle = BundleRows(kernels, x.rows);
    device.cpu().pool().ParallelFor(x.rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) QuantizeRow(kernels, x, r, bundle, out);
    });
    product.blocks = out;
    out += blocks_of(x);
    last = &product;
  }
}

void RunGroups(const Device& device, ConstMatrixView x, const ActivationBlock* blocks,
               const MatMulTask& task, int64_t begin, int64_t end) {
  const PackedMatrix& weight = *task.weight;
  MatMulGroups args = {};
  args.type = weight.type();
  args.group_bytes = weight.group_bytes();
  args.cols = weight.cols();
  args.blocks = blocks;
  args.bundle_rows = BundleRows(*device.cpu().kernels().matmul, x.rows);
  args.x = x.data;
  args.x_stride = x.stride;
  args.num_rows = x.rows;
  args.y_stride = task.y.stride;
  args.accumulate = task.accumulate;
  if (x.rows > kDirectRows) {
    args.panel = Scratch<CacheLine>(kPanelBytes / int64_t{sizeof(CacheLine)})->bytes;
    args.sums = Scratch<float>(kSumFloats);
  }
  for (int64_t g = begin; g < end; g += kMaxPanelGroups) {
    const int64_t stop = std::min(end, g + kMaxPanelGroups);
    args.groups = weight.group(g);
    args.num_groups = static_cast<int32_t>(stop - g);
    args.last_rows = static_cast<int32_t>(
        std::min<int64_t>(kPackRows, weight.rows() - (stop - 1) * kPackRows));
    args.bias = task.bias == nullptr ? nullptr : task.bias + g * kPackRows;
    args.y = task.y.data + g * kPackRows;
    device.cpu().kernels().matmul->groups(args);
  }
}

}  // namespace

void GroupedMatMul(const Device& device, absl::Span<const GroupedMatMulTask> tasks) {
  std::vector<Product> products;
  int64_t groups = 0;
  int64_t max_group_bytes = 1;
  int64_t max_rows = 0;
  for (const GroupedMatMulTask& task : tasks) {
    const PackedMatrix& weight = *task.product.weight;
    const MatrixView& y = task.product.y;
    CHECK(weight.cols() == task.x.cols && weight.rows() == y.cols && y.rows == task.x.rows);
    if (task.x.rows == 0) continue;
    products.push_back({&task, groups, nullptr});
    groups += weight.num_groups();
    max_group_bytes = std::max(max_group_bytes, weight.group_bytes());
    max_rows = std::max(max_rows, task.x.rows);
  }
  if (products.empty()) return;
  Quantize(device, absl::MakeSpan(products));
  const int64_t grain = max_rows > kDirectRows
                            ? kMaxPanelGroups
                            : std::max<int64_t>(1, kStreamBytes / max_group_bytes);
  device.cpu().pool().ParallelFor(groups, grain, [&](int64_t begin, int64_t end) {
    auto product = std::upper_bound(
        products.begin(), products.end(), begin,
        [](int64_t group, const Product& p) { return group < p.first_group; }) - 1;
    for (; product != products.end() && product->first_group < end; ++product) {
      const GroupedMatMulTask& task = *product->task;
      const int64_t last = product->first_group + task.product.weight->num_groups();
      RunGroups(device, task.x, product->blocks, task.product,
                std::max(begin, product->first_group) - product->first_group,
                std::min(end, last) - product->first_group);
    }
  });
}

void MatMul(const Device& device, ConstMatrixView x, absl::Span<const MatMulTask> tasks) {
  std::vector<GroupedMatMulTask> grouped;
  for (const MatMulTask& task : tasks) grouped.push_back({x, task});
  GroupedMatMul(device, grouped);
}

}  // namespace hadal::inference
