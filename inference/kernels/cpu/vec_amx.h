#pragma once

#include <cstddef>

#include "inference/kernels/cpu/unroll.h"
#include "inference/kernels/cpu/vec_avx512.h"

namespace hadal::inference {

/// VecAvx512 with AMX's int8 tiles for products of many rows (Intel SDM vol. 1, ch. 18): one
/// instruction multiplies 16 rows of x with a block of 16 weight rows. Its sums are the same exact
/// integers. The system must have granted the tile registers (kernels/device.cc); who used them
/// gives them back (_tile_release).
struct VecAmx : VecAvx512 {
  static constexpr bool kMatrixTiles = true;
  static constexpr int kBundleRows = 16;
  static constexpr int kBundleStep = 4;
  static constexpr int kBundleGroups = 1;

  /// The tiles multiply signed with signed.
  template <int kOffset>
  static U8 PanelStep(U8 a) {
    return _mm512_sub_epi8(a, _mm512_set1_epi8(static_cast<char>(kOffset)));
  }

  /// GCC 12 does not know that the tile instructions read memory, or how much: what was stored to p
  /// before stays stored.
  static HADAL_INLINE void Publish(const void* p) { asm volatile("" ::"r"(p) : "memory"); }

  /// Before AddBlocks with another number of rows.
  static void UseRows(int64_t rows) {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    const auto tile = [&](int i, int64_t tile_rows, uint16_t bytes) {
      config.rows[i] = static_cast<uint8_t>(tile_rows);
      config.row_bytes[i] = bytes;
    };
    tile(0, rows, 64);  // sums
    tile(1, rows, 32);  // x and weights of a block
    tile(2, 8, 64);
    tile(3, rows, 16);  // x and weights of half a block
    tile(4, 4, 64);
    Publish(&config);
    _tile_loadconfig(&config);
  }

  /// acc[m] += weights * x row m over `num_blocks` blocks, of which `rows` exist.
  template <typename Blocks, int kRows>
  static HADAL_INLINE void AddBlocks(const Blocks& weights, const ActivationBlock* x, int64_t rows,
                                     int64_t num_blocks, F (*acc)[1]) {
    constexpr int kScales = Blocks::kScales;
    constexpr size_t kStride = sizeof(ActivationBlock);
    // The sums of a block are written while those of the block before are read.
    alignas(64) int32_t sums[2][kScales][kRows][16];
    Publish(weights.panel);
    Publish(x);
    const auto multiply = [&](int64_t b) HADAL_LAMBDA_INLINE {
      const uint8_t* block = weights.panel + b * Blocks::kBlockBytes;
      const int8_t* q = x[b * rows].q;
      if constexpr (kScales == 1) {
        _tile_zero(0);
        _tile_loadd(1, q, kStride);
        _tile_loadd(2, block, 64);
        _tile_dpbssd(0, 1, 2);
        _tile_stored(0, sums[b & 1][0], 64);
      } else {
        for (int s = 0; s < 2; ++s) {
          _tile_zero(0);
          _tile_loadd(3, q + 16 * s, kStride);
          _tile_loadd(4, block + 256 * s, 64);
          _tile_dpbssd(0, 3, 4);
          _tile_stored(0, sums[b & 1][s], 64);
        }
      }
    };
    const auto add = [&](int64_t b) HADAL_LAMBDA_INLINE {
      const auto block = weights.At(b);
      const ActivationBlock* row = x + b * rows;
      HADAL_UNROLL
      for (int s = 0; s < kScales; ++s) {
        const F scale = block.Scale(s);
        HADAL_UNROLL
        for (int m = 0; m < kRows; ++m) {
          acc[m][0] = Fma(ToFloat(_mm512_load_si512(sums[b & 1][s][m])),
                          Mul(scale, Set(row[m].scale)), acc[m][0]);
        }
      }
      if constexpr (Blocks::kHasMin) {
        const F min = block.Min();
        HADAL_UNROLL
        for (int m = 0; m < kRows; ++m) acc[m][0] = Fma(min, Set(row[m].scaled_sum), acc[m][0]);
      }
    };
    multiply(0);
    for (int64_t b = 0; b + 1 < num_blocks; ++b) {
      multiply(b + 1);
      add(b);
    }
    add(num_blocks - 1);
  }
};

}  // namespace hadal::inference
