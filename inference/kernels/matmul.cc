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

struct Product {
  const GroupedMatMulTask* task;
  const ActivationBlock* blocks;  ///< of x, null for float weights
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
  auto* out = Scratch<ActivationBlock>(total);
  const auto quantize = device.cpu().kernels().matmul->quantize_row;
  const Product* last = nullptr;
  for (Product& product : products) {
    if (!needs(product)) continue;
    const ConstMatrixView& x = product.task->x;
    if (last != nullptr && same_x(*last, product)) {
      product.blocks = last->blocks;
      continue;
    }
    const int64_t row_blocks = x.cols / 32;
    device.cpu().pool().ParallelFor(x.rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) quantize(x.row(r), x.cols, out + r * row_blocks);
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
    device.cpu().kernels().matmul->groups(args);
  }
}

}  // namespace

void GroupedMatMul(const Device& device, absl::Span<const GroupedMatMulTask> tasks) {
  std::vector<Product> products;
  int64_t max_group_bytes = 1;
  int64_t max_rows = 0;
  for (const GroupedMatMulTask& task : tasks) {
    const PackedMatrix& weight = *task.product.weight;
    const MatrixView& y = task.product.y;
    CHECK(weight.cols() == task.x.cols && weight.rows() == y.cols && y.rows == task.x.rows);
    if (task.x.rows == 0) continue;
    products.push_back({&task, nullptr});
    max_group_bytes = std::max(max_group_bytes, weight.group_bytes());
    max_rows = std::max(max_rows, task.x.rows);
  }
  if (products.empty()) return;
  Quantize(device, absl::MakeSpan(products));
  const int64_t grain = max_rows > kMaxDirectRows
                            ? kMaxPanelGroups
                            : std::max<int64_t>(1, kStreamBytes / max_group_bytes);
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
      RunGroups(device, slice->product->task->x, slice->product->blocks,
                slice->product->task->product, std::max(begin + shift, slice->begin),
                std::min(end + shift, slice->end));
    }
  });
}

void MatMul(const Device& device, ConstMatrixView x, absl::Span<const MatMulTask> tasks) {
  std::vector<GroupedMatMulTask> grouped;
  for (const MatMulTask& task : tasks) grouped.push_back({x, task});
  GroupedMatMul(device, grouped);
}

}  // namespace hadal::inference
