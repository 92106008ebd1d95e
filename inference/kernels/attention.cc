#include "inference/kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/tensor/aligned_buffer.h"

namespace hadal::inference {
namespace {

float* TileScratch(int64_t floats) {
  struct alignas(64) Line {
    float values[16];
  };
  thread_local std::vector<Line> buffer;
  const auto lines = static_cast<size_t>((floats + 15) / 16);
  if (buffer.size() < lines) buffer.resize(lines);
  return buffer.front().values;
}

void CheckShape(const AttentionShape& shape, const ConstMatrixView& q, const MatrixView& out) {
  CHECK(shape.num_kv_heads > 0 && shape.num_heads % shape.num_kv_heads == 0);
  CHECK(shape.head_dim > 0 && shape.head_dim <= kMaxHeadDim);
  CHECK(shape.num_heads / shape.num_kv_heads <= kMaxTileQueries);
  CHECK(q.cols == int64_t{shape.num_heads} * shape.head_dim && out.cols == q.cols &&
        out.rows == q.rows);
}

/// The unit of work: some rows of a slice, all heads that share one KV head.
struct TileWork {
  size_t slice;
  int32_t kv_head;
  int64_t first_row;  // in q
  int32_t num_rows;
};

std::vector<TileWork> CutIntoTiles(const AttentionShape& shape, size_t slice, int64_t first_row,
                                   int32_t num_rows) {
  const int32_t rows_per_tile = kMaxTileQueries / (shape.num_heads / shape.num_kv_heads);
  std::vector<TileWork> tiles;
  for (int32_t row = 0; row < num_rows; row += rows_per_tile) {
    for (int32_t head = 0; head < shape.num_kv_heads; ++head) {
      tiles.push_back({slice, head, first_row + row, std::min(rows_per_tile, num_rows - row)});
    }
  }
  return tiles;
}

/// visible_of(row) positions are attended by a row of the tile.
template <typename VisibleOf>
void RunTile(const CpuDevice& device, const AttentionShape& shape, const TileWork& work,
             const PagedKv& kv, ConstMatrixView q, MatrixView out, VisibleOf visible_of) {
  const int32_t group = shape.num_heads / shape.num_kv_heads;
  const float* queries[kMaxTileQueries];
  float* outputs[kMaxTileQueries];
  int32_t visible[kMaxTileQueries];
  int32_t count = 0;
  for (int32_t i = 0; i < work.num_rows; ++i) {
    const int64_t row = work.first_row + i;
    for (int32_t g = 0; g < group; ++g, ++count) {
      const int64_t column = int64_t{work.kv_head * group + g} * shape.head_dim;
      queries[count] = q.row(row) + column;
      outputs[count] = out.row(row) + column;
      visible[count] = visible_of(row);
    }
  }
  AttentionTile args;
  args.num_queries = count;
  args.head_dim = shape.head_dim;
  args.scale = shape.scale;
  args.queries = queries;
  args.outputs = outputs;
  args.visible = visible;
  args.key_blocks = kv.key_blocks.data();
  args.value_blocks = kv.value_blocks.data();
  args.block_size = kv.block_size;
  args.row_values = int64_t{shape.num_kv_heads} * shape.head_dim;
  args.head_offset = int64_t{work.kv_head} * shape.head_dim;
  args.type = kv.type;
  args.scratch = TileScratch(AttentionScratchFloats(shape.head_dim));
  device.kernels().attention->tile(args);
}

}  // namespace

void CausalAttention(const CpuDevice& device, const AttentionShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out) {
  CheckShape(shape, q, out);
  std::vector<TileWork> tiles;
  for (size_t s = 0; s < slices.size(); ++s) {
    const CausalSlice& slice = slices[s];
    const int64_t capacity = static_cast<int64_t>(slice.kv.key_blocks.size()) * slice.kv.block_size;
    CHECK(capacity >= int64_t{slice.position} + slice.num_rows);
    CHECK(slice.kv.value_blocks.size() == slice.kv.key_blocks.size());
    CHECK(slice.kv.type == ElementType::kF32 || slice.kv.type == ElementType::kF16);
    const auto cut = CutIntoTiles(shape, s, slice.first_row, slice.num_rows);
    tiles.insert(tiles.end(), cut.begin(), cut.end());
  }
  // Later rows see more positions: the longest tiles first, so that no worker ends alone with one.
  std::reverse(tiles.begin(), tiles.end());
  device.pool().ParallelFor(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const TileWork& work = tiles[static_cast<size_t>(t)];
      const CausalSlice& slice = slices[work.slice];
      RunTile(device, shape, work, slice.kv, q, out, [&](int64_t row) {
        return slice.position + static_cast<int32_t>(row - slice.first_row) + 1;
      });
    }
  });
}

void BidirectionalAttention(const CpuDevice& device, const AttentionShape& shape, ConstMatrixView q,
                            ConstMatrixView k, ConstMatrixView v,
                            absl::Span<const BidirectionalSlice> slices, MatrixView out) {
  CheckShape(shape, q, out);
  const int64_t kv_cols = int64_t{shape.num_kv_heads} * shape.head_dim;
  CHECK(k.cols == kv_cols && v.cols == kv_cols && k.rows == q.rows && v.rows == q.rows);
  CHECK(k.stride == v.stride);
  std::vector<TileWork> tiles;
  for (size_t s = 0; s < slices.size(); ++s) {
    const auto cut = CutIntoTiles(shape, s, slices[s].first_row, slices[s].num_rows);
    tiles.insert(tiles.end(), cut.begin(), cut.end());
  }
  device.pool().ParallelFor(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const TileWork& work = tiles[static_cast<size_t>(t)];
      const BidirectionalSlice& slice = slices[work.slice];
      // The slice is one block whose rows lie where k and v have them.
      const void* key_block = k.row(slice.first_row);
      const void* value_block = v.row(slice.first_row);
      const PagedKv kv = {absl::MakeConstSpan(&key_block, 1), absl::MakeConstSpan(&value_block, 1),
                          slice.num_rows, ElementType::kF32};
      RunTile(device, shape, work, kv, q, out, [&](int64_t) { return slice.num_rows; });
    }
  });
}

void StoreRows(const CpuDevice& device, ConstMatrixView x, ElementType type,
               absl::Span<void* const> destination) {
  CHECK(static_cast<int64_t>(destination.size()) == x.rows);
  CHECK(type == ElementType::kF32 || type == ElementType::kF16);
  device.pool().ParallelFor(x.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      void* to = destination[static_cast<size_t>(r)];
      if (type == ElementType::kF32) {
        std::memcpy(to, x.row(r), static_cast<size_t>(x.cols) * sizeof(float));
      } else {
        device.kernels().elementwise->to_half(x.row(r), x.cols, static_cast<uint16_t*>(to));
      }
    }
  });
}

}  // namespace hadal::inference
