#include "inference/kernels/cpu/int8_matmul_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/vec_amx.h"

// Two tiles of rows meet two groups of weights: four tiles of sums for four loads, so that products
// and not loads are what takes time.

namespace hadal::inference {
namespace {

using V = VecAmx;
constexpr int kTileRows = 16;
constexpr int kSides = 2;  // tiles of rows, and groups, at a time
static_assert(kSides * kTileRows == kInt8TileRows);

void ConfigureTiles() {
  struct alignas(64) {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } config;
  for (int i = 0; i < 8; ++i) {
    config.rows[i] = kTileRows;
    config.row_bytes[i] = 64;
  }
  V::Publish(&config);
  _tile_loadconfig(&config);
}

/// Whole numbers of one chunk.
struct alignas(64) Sums {
  int32_t of[kSides][kSides][kTileRows][16];  // [tile of rows][group]
};
/// Float32 sums of more.
struct alignas(64) Totals {
  float of[kInt8TileRows][kSides][16];  // [row][group]
};

/// Products of a chunk; x and weights are at it.
template <int kTiles, int kGroups>
HADAL_INLINE void Multiply(const int8_t* x, int64_t stride, const uint8_t* weights,
                           int64_t group_bytes, Sums* sums) {
  static_assert(kInt8ChunkCols == 64, "as deep as a tile");
  _tile_zero(0);
  _tile_loadd(4, x, stride);
  _tile_loadd(6, weights, 64);
  _tile_dpbssd(0, 4, 6);
  _tile_stored(0, sums->of[0][0], 64);
  if constexpr (kGroups > 1) {
    _tile_zero(1);
    _tile_loadd(7, weights + group_bytes, 64);
    _tile_dpbssd(1, 4, 7);
    _tile_stored(1, sums->of[0][1], 64);
  }
  if constexpr (kTiles > 1) {
    _tile_zero(2);
    _tile_loadd(5, x + kTileRows * stride, stride);
    _tile_dpbssd(2, 5, 6);
    _tile_stored(2, sums->of[1][0], 64);
    if constexpr (kGroups > 1) {
      _tile_zero(3);
      _tile_dpbssd(3, 5, 7);
      _tile_stored(3, sums->of[1][1], 64);
    }
  }
}

/// A chunk's sums, times the scales of x, also of rows that do not exist: nothing reads those.
/// kFirst: of a part of the weights.
template <int kTiles, int kGroups, bool kFirst>
HADAL_INLINE void AddChunk(const Sums& sums, const Int8Scale* scales, int64_t chunks,
                           Totals* parts) {
  for (int t = 0; t < kTiles; ++t) {
    HADAL_UNROLL
    for (int m = 0; m < kTileRows; ++m, scales += chunks) {
      const V::F scale = V::Set(scales->scale);
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        const V::F sum = V::ToFloat(_mm512_load_si512(sums.of[t][g][m]));
        float* part = parts->of[t * kTileRows + m][g];
        V::Store(part, kFirst ? V::Mul(sum, scale) : V::Fma(sum, scale, V::Load(part)));
      }
    }
  }
}

/// A part's sums, times the scales of the weights.
template <int kTiles, int kGroups>
HADAL_INLINE void AddPart(const Totals& parts, const float* scales, int64_t group_scales,
                          bool first, Totals* totals) {
  HADAL_UNROLL
  for (int g = 0; g < kGroups; ++g) {
    const V::F scale = V::Load(scales + g * group_scales);
    for (int m = 0; m < kTiles * kTileRows; ++m) {
      float* total = totals->of[m][g];
      const V::F before = first ? V::Zero() : V::Load(total);
      V::Store(total, V::Fma(V::Load(parts.of[m][g]), scale, before));
    }
  }
}

/// Rows [row, row + rows) and kGroups groups.
template <int kTiles, int kGroups>
void Block(const Int8Groups& args, int64_t row, int64_t rows, int32_t group) {
  Sums sums[2];  // a chunk's are written while those of the one before are read
  Totals parts, totals;
  const int8_t* x = args.x + row * args.cols;
  const Int8Scale* scales = args.scales + row * args.chunks;
  const int64_t group_bytes = args.cols * kGroupRows;
  const uint8_t* weights = args.groups + group * group_bytes;
  const int64_t group_scales = args.weight_parts() * kGroupRows;
  const float* weight_scales = args.weight_scales + group * group_scales;
  const auto multiply = [&](int64_t c) HADAL_LAMBDA_INLINE {
    const int64_t col = c * kInt8ChunkCols;
    Multiply<kTiles, kGroups>(x + col, args.cols, weights + col * kGroupRows, group_bytes,
                              &sums[c & 1]);
  };
  for (int64_t m = 0; m < rows; ++m) {  // see MatMulKernels::RunTile
    V::Prefetch(args.y + (row + m) * args.y_stride + group * kGroupRows);
    V::Prefetch(args.y + (row + m) * args.y_stride + (group + kGroups - 1) * kGroupRows);
  }
  multiply(0);
  for (int64_t part = 0, c = 0; c < args.chunks; ++part) {
    const int64_t end = LeastOf(args.chunks, c + kInt8WeightChunks);
    if (c + 1 < args.chunks) multiply(c + 1);
    AddChunk<kTiles, kGroups, true>(sums[c & 1], scales + c, args.chunks, &parts);
    for (++c; c < end; ++c) {
      if (c + 1 < args.chunks) multiply(c + 1);
      AddChunk<kTiles, kGroups, false>(sums[c & 1], scales + c, args.chunks, &parts);
    }
    AddPart<kTiles, kGroups>(parts, weight_scales + part * kGroupRows, group_scales, part == 0,
                             &totals);
  }
  for (int64_t m = 0; m < rows; ++m) {
    HADAL_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      MatMulKernels<V>::StoreRow(args, group + g, row + m, V::Load(totals.of[m][g]));
    }
  }
}

// Tile registers that are not given back make every switch of threads slower.
void Groups(const Int8Groups& args) {
  ConfigureTiles();
  V::Publish(args.x);
  V::Publish(args.groups);
  for (int64_t row = 0; row < args.num_rows; row += kInt8TileRows) {
    const int64_t rows = LeastOf(kInt8TileRows, args.num_rows - row);
    for (int32_t group = 0; group < args.num_groups; group += kSides) {
      const bool pair = args.num_groups - group >= kSides;
      if (rows > kTileRows) {
        pair ? Block<2, 2>(args, row, rows, group) : Block<2, 1>(args, row, rows, group);
      } else {
        pair ? Block<1, 2>(args, row, rows, group) : Block<1, 1>(args, row, rows, group);
      }
    }
  }
  _tile_release();
}

}  // namespace

const Int8MatMulPart kAmxInt8MatMul = {0, Int8MatMulKernels<VecAvx512>::RoundRow, Groups};

}  // namespace hadal::inference
