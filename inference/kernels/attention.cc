#include "inference/kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/packed_matrix.h"
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

/// What both kinds of attention are to the kernels.
struct HeadShape {
  int32_t num_heads;
  int32_t num_kv_heads;
  int32_t key_dim;
  int32_t value_dim;
  float scale;
  int32_t group() const { return num_heads / num_kv_heads; }
};

HeadShape HeadsOf(const AttentionShape& shape) {
  const int32_t value_dim = shape.value_dim > 0 ? shape.value_dim : shape.head_dim;
  return {shape.num_heads, shape.num_kv_heads, shape.head_dim, value_dim, shape.scale};
}

void CheckShape(const HeadShape& shape, const ConstMatrixView& q, const MatrixView& out) {
  CHECK(shape.num_kv_heads > 0 && shape.num_heads % shape.num_kv_heads == 0);
  CHECK(shape.value_dim > 0 && shape.value_dim <= shape.key_dim && shape.key_dim <= kMaxHeadDim);
  CHECK(q.cols == int64_t{shape.num_heads} * shape.key_dim && out.rows == q.rows);
  CHECK(out.cols == int64_t{shape.num_heads} * shape.value_dim);
}

/// The unit of work: some rows of a slice, heads that share one KV head: all of them, or as many as
/// a tile holds (latent attention has one KV head for 128).
struct TileWork {
  size_t slice;
  int32_t kv_head;
  int32_t first_head;
  int32_t num_heads;
  int64_t first_row;  // in q
  int32_t num_rows;
};

std::vector<TileWork> CutIntoTiles(const HeadShape& shape, size_t slice, int64_t first_row,
                                   int32_t num_rows) {
  const int32_t heads_per_tile = std::min(shape.group(), kMaxTileQueries);
  const int32_t rows_per_tile = kMaxTileQueries / heads_per_tile;
  std::vector<TileWork> tiles;
  for (int32_t row = 0; row < num_rows; row += rows_per_tile) {
    for (int32_t kv_head = 0; kv_head < shape.num_kv_heads; ++kv_head) {
      for (int32_t head = 0; head < shape.group(); head += heads_per_tile) {
        tiles.push_back({slice, kv_head, kv_head * shape.group() + head,
                         std::min(heads_per_tile, shape.group() - head), first_row + row,
                         std::min(rows_per_tile, num_rows - row)});
      }
    }
  }
  return tiles;
}

/// visible_of(row) positions are attended by a row of the tile.
template <typename VisibleOf>
void RunTile(const Device& device, const HeadShape& shape, const TileWork& work,
             const PagedKv& kv, ConstMatrixView q, MatrixView out, VisibleOf visible_of) {
  const float* queries[kMaxTileQueries];
  float* outputs[kMaxTileQueries];
  int32_t visible[kMaxTileQueries];
  int32_t count = 0;
  for (int32_t i = 0; i < work.num_rows; ++i) {
    const int64_t row = work.first_row + i;
    for (int32_t g = 0; g < work.num_heads; ++g, ++count) {
      const int64_t head = work.first_head + g;
      queries[count] = q.row(row) + head * shape.key_dim;
      outputs[count] = out.row(row) + head * shape.value_dim;
      visible[count] = visible_of(row);
    }
  }
  AttentionTile args;
  args.num_queries = count;
  args.key_dim = shape.key_dim;
  args.value_dim = shape.value_dim;
  args.scale = shape.scale;
  args.queries = queries;
  args.outputs = outputs;
  args.visible = visible;
  args.key_blocks = kv.key_blocks.data();
  args.value_blocks = kv.value_blocks.empty() ? nullptr : kv.value_blocks.data();
  args.block_size = kv.block_size;
  args.row_values = int64_t{shape.num_kv_heads} * shape.key_dim;
  args.head_offset = int64_t{work.kv_head} * shape.key_dim;
  args.type = kv.type;
  args.scratch = TileScratch(AttentionScratchFloats(shape.key_dim));
  device.cpu().kernels().attention->tile(args);
}

void CausalOverPages(const Device& device, const HeadShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out) {
  CheckShape(shape, q, out);
  std::vector<TileWork> tiles;
  for (size_t s = 0; s < slices.size(); ++s) {
    const CausalSlice& slice = slices[s];
    const int64_t capacity = static_cast<int64_t>(slice.kv.key_blocks.size()) * slice.kv.block_size;
    CHECK(capacity >= int64_t{slice.position} + slice.num_rows);
    CHECK(slice.kv.type == ElementType::kF32 || slice.kv.type == ElementType::kF16);
    const auto cut = CutIntoTiles(shape, s, slice.first_row, slice.num_rows);
    tiles.insert(tiles.end(), cut.begin(), cut.end());
  }
  // Later rows see more positions: the longest tiles first, so that no worker ends alone with one.
  std::reverse(tiles.begin(), tiles.end());
  ThreadPool& pool = device.cpu().pool();
  pool.ParallelFor(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const TileWork& work = tiles[static_cast<size_t>(t)];
      const CausalSlice& slice = slices[work.slice];
      RunTile(device, shape, work, slice.kv, q, out, [&](int64_t row) {
        return slice.position + static_cast<int32_t>(row - slice.first_row) + 1;
      });
    }
  });
}

}  // namespace

void CausalAttention(const Device& device, const AttentionShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out) {
  for (const CausalSlice& slice : slices) {
    CHECK(slice.kv.value_blocks.size() == slice.kv.key_blocks.size());
  }
  CausalOverPages(device, HeadsOf(shape), q, slices, out);
}

void CausalLatentAttention(const Device& device, const LatentAttentionShape& shape,
                           ConstMatrixView q, absl::Span<const CausalSlice> slices,
                           MatrixView out) {
  for (const CausalSlice& slice : slices) CHECK(slice.kv.value_blocks.empty());
  const HeadShape heads = {shape.num_heads, 1, shape.latent_dim + shape.rope_dim, shape.latent_dim,
                           shape.scale};
  CausalOverPages(device, heads, q, slices, out);
}

void BidirectionalAttention(const Device& device, const AttentionShape& shape, ConstMatrixView q,
                            ConstMatrixView k, ConstMatrixView v,
                            absl::Span<const BidirectionalSlice> slices, MatrixView out) {
  const HeadShape heads = HeadsOf(shape);
  CheckShape(heads, q, out);
  const int64_t kv_cols = int64_t{shape.num_kv_heads} * shape.head_dim;
  CHECK(k.cols == kv_cols && v.cols == kv_cols && k.rows == q.rows && v.rows == q.rows);
  CHECK(k.stride == v.stride);
  std::vector<TileWork> tiles;
  for (size_t s = 0; s < slices.size(); ++s) {
    const auto cut = CutIntoTiles(heads, s, slices[s].first_row, slices[s].num_rows);
    tiles.insert(tiles.end(), cut.begin(), cut.end());
  }
  ThreadPool& pool = device.cpu().pool();
  pool.ParallelFor(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const TileWork& work = tiles[static_cast<size_t>(t)];
      const BidirectionalSlice& slice = slices[work.slice];
      // The slice is one block whose rows lie where k and v have them.
      const void* key_block = k.row(slice.first_row);
      const void* value_block = v.row(slice.first_row);
      const PagedKv kv = {absl::MakeConstSpan(&key_block, 1), absl::MakeConstSpan(&value_block, 1),
                          slice.num_rows, ElementType::kF32};
      RunTile(device, heads, work, kv, q, out, [&](int64_t) { return slice.num_rows; });
    }
  });
}

void StoreRows(const Device& device, ConstMatrixView x, ElementType type,
               absl::Span<void* const> destination) {
  CHECK(static_cast<int64_t>(destination.size()) == x.rows);
  CHECK(type == ElementType::kF32 || type == ElementType::kF16);
  device.cpu().pool().ParallelFor(x.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      void* to = destination[static_cast<size_t>(r)];
      if (type == ElementType::kF32) {
        std::memcpy(to, x.row(r), static_cast<size_t>(x.cols) * sizeof(float));
      } else {
        device.cpu().kernels().elementwise->to_half(x.row(r), x.cols, static_cast<uint16_t*>(to));
      }
    }
  });
}

void LoadKeys(const Device& device, const PagedKv& kv, MatrixView out) {
  const int64_t row_bytes = out.cols * TraitsOf(kv.type).block_bytes;
  device.cpu().pool().ParallelFor(out.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const void* block = kv.key_blocks[static_cast<size_t>(p / kv.block_size)];
      DequantizeRow(kv.type, static_cast<const uint8_t*>(block) + p % kv.block_size * row_bytes,
                    out.cols, out.row(p));
    }
  });
}

}  // namespace hadal::inference
