#include "inference/kernels/matmul.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/kept_memory.h"

namespace hadal::inference {
namespace {

// Weight bytes one claim of a worker covers when few rows of x make the op memory-bound: some 3
// microseconds, above the cost of a claim and little to wait for in the end.
constexpr int64_t kStreamBytes = 32 << 10;

/// Rows that one or more tasks read, and what the kernels are given in their place.
struct Input {
  ConstMatrixView x;
  const float* up = nullptr;      ///< see GroupedMatMulTask
  const int64_t* from = nullptr;  ///< likewise, its `rows`
  int64_t count;
  bool rounded = false;  ///< for quantised weights
  bool copied = false;   ///< for float weights, where they cannot read x itself
  int64_t first_row = 0;  ///< in the numbering of all rows to prepare
  ActivationBlock* blocks = nullptr;
  float* wide = nullptr;

  explicit Input(ConstMatrixView rows) : x(rows), count(rows.rows) {}
  explicit Input(const GroupedMatMulTask& task)
      : x(task.x), up(task.up), from(task.rows), count(task.product.y.rows) {}
  bool Is(const GroupedMatMulTask& task) const {
    return x.data == task.x.data && count == task.product.y.rows && x.stride == task.x.stride &&
           up == task.up && from == task.rows;
  }
  int64_t rows_to_prepare() const { return rounded || copied ? count : 0; }
  const float* row(int64_t r) const { return x.row(from == nullptr ? r : from[r]); }
  ConstMatrixView values() const {
    return wide == nullptr ? x : ConstMatrixView(wide, count, x.cols);
  }
};

/// A task and the input it reads.
struct Product {
  const GroupedMatMulTask* task;
  size_t input;
};

/// Groups of one product's weight that a lane takes first, and where they are in the numbering of
/// all: by lane, so that each lane has one range of numbers.
struct LaneSlice {
  const Product* product;
  int64_t first;  ///< number of group `begin`
  int64_t begin, end;
};

std::vector<LaneSlice> NumberGroups(absl::Span<const Product> products,
                                    absl::Span<const Lane> lanes,
                                    std::vector<int64_t>* lane_ends) {
  std::vector<LaneSlice> slices;
  int64_t count = 0;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    for (const Product& product : products) {
      const int64_t groups = product.task->product.weight->num_groups();
      const int64_t begin = lane == 0 ? 0 : LaneEnd(lanes, lane - 1, groups);
      const int64_t end = LaneEnd(lanes, lane, groups);
      if (begin == end) continue;
      slices.push_back({&product, count, begin, end});
      count += end - begin;
    }
    lane_ends->push_back(count);
  }
  return slices;
}

/// Few rows are one bundle; more are cut as the kernels like it.
int64_t BundleRows(const MatMulPart& kernels, int64_t rows) {
  return rows <= kDirectRows ? rows : EvenTile(rows, kernels.bundle_rows);
}

/// Where the blocks of some columns of a row lie, and how far apart; see MatMulGroups.
struct BlockPlace {
  ActivationBlock* first;
  int64_t step;
};

/// `col` is a multiple of 32.
BlockPlace PlaceOf(const MatMulPart& kernels, const Input& input, int64_t r, int64_t col) {
  const int64_t bundle = BundleRows(kernels, input.count);
  const int64_t first = r / bundle * bundle;
  const int64_t rows = std::min(bundle, input.count - first);
  const int64_t piece = col / kPanelCols * kPanelCols;
  const int64_t cols = std::min(kPanelCols, input.x.cols - piece);
  ActivationBlock* at = input.blocks + piece / 32 * input.count + first * (cols / 32);
  return {at + (col - piece) / 32 * rows + (r - first), rows};
}

/// Row r of an input to its places in `blocks`.
void PrepareRow(const KernelTable& kernels, const Input& input, int64_t r) {
  float gated[kPanelCols];
  for (int64_t col = 0; col < input.x.cols; col += kPanelCols) {
    const int64_t cols = std::min(kPanelCols, input.x.cols - col);
    const float* values = input.row(r) + col;
    float* const copy = input.copied ? input.wide + r * input.x.cols + col : gated;
    if (input.up != nullptr) {
      kernels.elementwise->silu_mul(values, input.up + r * input.x.stride + col, cols, copy);
      values = copy;
    } else if (input.copied) {
      std::copy_n(values, cols, copy);
    }
    if (!input.rounded) continue;
    const BlockPlace to = PlaceOf(*kernels.matmul, input, r, col);
    kernels.matmul->quantize_row(values, cols, to.step, to.first);
  }
}

void Prepare(const Device& device, absl::Span<Input> inputs) {
  int64_t rows = 0, blocks = 0, floats = 0;
  for (Input& input : inputs) {
    input.first_row = rows;
    rows += input.rows_to_prepare();
    if (input.rounded) blocks += input.count * (input.x.cols / 32);
    if (input.copied) floats += input.count * input.x.cols;
  }
  if (rows == 0) return;
  thread_local KeptMemory kept_blocks, kept_floats;
  auto* next_block = kept_blocks.Reserve<ActivationBlock>(blocks + kMaxBundleRows);
  auto* next_float = kept_floats.Reserve<float>(floats);
  for (Input& input : inputs) {
    if (input.rounded) {
      input.blocks = std::exchange(next_block, next_block + input.count * (input.x.cols / 32));
    }
    if (input.copied) {
      input.wide = std::exchange(next_float, next_float + input.count * input.x.cols);
    }
  }
  device.cpu().pool().ParallelFor(rows, 8, [&](int64_t begin, int64_t end) {
    auto input = std::upper_bound(
        inputs.begin(), inputs.end(), begin,
        [](int64_t row, const Input& i) { return row < i.first_row; }) - 1;
    for (; input != inputs.end() && input->first_row < end; ++input) {
      const int64_t last = std::min(end - input->first_row, input->rows_to_prepare());
      for (int64_t r = std::max<int64_t>(0, begin - input->first_row); r < last; ++r) {
        PrepareRow(device.cpu().kernels(), *input, r);
      }
    }
  });
}

/// Groups [begin, end) of a product; the first column of group `begin` goes to y.
void RunGroups(const Device& device, const Input& input, const PackedMatrix& weight,
               const float* bias, int64_t begin, int64_t end, float* y, int64_t y_stride,
               bool accumulate) {
  const ConstMatrixView x = input.values();
  MatMulGroups args = {};
  args.type = weight.type();
  args.group_bytes = weight.group_bytes();
  args.cols = weight.cols();
  args.blocks = input.blocks;
  args.bundle_rows = BundleRows(*device.cpu().kernels().matmul, input.count);
  args.x = x.data;
  args.x_stride = x.stride;
  args.num_rows = input.count;
  args.y_stride = y_stride;
  args.accumulate = accumulate;
  if (input.count > kDirectRows) {
    thread_local KeptMemory panel, sums;
    args.panel = panel.Reserve<uint8_t>(kPanelBytes);
    args.sums = sums.Reserve<float>(kSumFloats);
  }
  for (int64_t g = begin; g < end; g += kMaxPanelGroups) {
    const int64_t stop = std::min(end, g + kMaxPanelGroups);
    args.groups = weight.group(g);
    args.num_groups = static_cast<int32_t>(stop - g);
    args.last_rows = static_cast<int32_t>(
        std::min<int64_t>(kPackRows, weight.rows() - (stop - 1) * kPackRows));
    args.bias = bias == nullptr ? nullptr : bias + g * kPackRows;
    args.y = y + (g - begin) * kPackRows;
    device.cpu().kernels().matmul->groups(args);
  }
}

/// In one pass of the pool.
void RunProducts(const Device& device, absl::Span<const Input> inputs,
                 absl::Span<const Product> products, int64_t grain) {
  ThreadPool& pool = device.cpu().pool();
  std::vector<int64_t> lane_ends;
  const std::vector<LaneSlice> slices = NumberGroups(products, pool.lanes(), &lane_ends);
  const auto stealing = ThreadPool::Stealing::kAllowed;
  pool.ParallelFor(lane_ends, grain, stealing, [&](int64_t begin, int64_t end) {
    auto slice = std::upper_bound(
        slices.begin(), slices.end(), begin,
        [](int64_t group, const LaneSlice& s) { return group < s.first; }) - 1;
    for (; slice != slices.end() && slice->first < end; ++slice) {
      const int64_t shift = slice->begin - slice->first;  // number to group
      const int64_t first = std::max(begin + shift, slice->begin);
      const MatMulTask& task = slice->product->task->product;
      RunGroups(device, inputs[slice->product->input], *task.weight, task.bias, first,
                std::min(end + shift, slice->end), task.y.data + first * kPackRows, task.y.stride,
                task.accumulate);
    }
  });
}

}  // namespace

void GroupedMatMul(const Device& device, absl::Span<const GroupedMatMulTask> tasks) {
  std::vector<Product> products;
  std::vector<Input> inputs;
  int64_t max_group_bytes = 1;
  int64_t max_rows = 0;
  for (const GroupedMatMulTask& task : tasks) {
    const PackedMatrix& weight = *task.product.weight;
    const MatrixView& y = task.product.y;
    CHECK(weight.cols() == task.x.cols && weight.rows() == y.cols);
    CHECK(task.rows == nullptr ? y.rows == task.x.rows : task.up == nullptr);
    if (y.rows == 0) continue;
    if (inputs.empty() || !inputs.back().Is(task)) inputs.emplace_back(task);
    const bool wide = IsFloat(weight.type());
    inputs.back().rounded |= !wide;
    inputs.back().copied |= wide && (task.up != nullptr || task.rows != nullptr);
    products.push_back({&task, inputs.size() - 1});
    max_group_bytes = std::max(max_group_bytes, weight.group_bytes());
    max_rows = std::max(max_rows, y.rows);
  }
  if (products.empty()) return;
  Prepare(device, absl::MakeSpan(inputs));
  const int64_t grain = max_rows > kDirectRows
                            ? kMaxPanelGroups
                            : std::max<int64_t>(1, kStreamBytes / max_group_bytes);
  RunProducts(device, inputs, products, grain);
}

void MatMul(const Device& device, ConstMatrixView x, absl::Span<const MatMulTask> tasks) {
  std::vector<GroupedMatMulTask> grouped;
  for (const MatMulTask& task : tasks) grouped.push_back({x, task});
  GroupedMatMul(device, grouped);
}

}  // namespace hadal::inference
