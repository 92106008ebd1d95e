#pragma once

#include <cstdint>

#include "inference/kernels/cpu/unroll.h"

namespace hadal::inference {

/// c (+)= a b in float32 for one instruction set V, for matrices that lie in the core's caches.
/// Each element of c is a chain of fused multiply-adds in order of depth, however the work is cut.
template <typename V>
struct GemmKernels {
  using F = typename V::F;

  struct Operands {
    const float* a;
    int64_t a_stride;
    const float* b;
    int64_t b_stride;
    float* c;
    int64_t c_stride;
    bool fresh;  ///< c starts at zero
  };

  /// columns [16 j, 16 (j + kVecs)) of kRows rows; a and c at the row, b and c at the column.
  template <int kRows, int kVecs>
  static void Tile(const Operands& o, int64_t row, int64_t j, int64_t depth) {
    const float* a = o.a + row * o.a_stride;
    const float* b = o.b + j;
    float* c = o.c + row * o.c_stride + j;
    F acc[kRows][kVecs];
    HADAL_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HADAL_UNROLL
      for (int v = 0; v < kVecs; ++v) {
        acc[r][v] = o.fresh ? V::Zero() : V::Load(c + r * o.c_stride + 16 * v);
      }
    }
    for (int64_t k = 0; k < depth; ++k) {
      F w[kVecs];
      HADAL_UNROLL
      for (int v = 0; v < kVecs; ++v) w[v] = V::Load(b + k * o.b_stride + 16 * v);
      HADAL_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const F x = V::Set(a[r * o.a_stride + k]);
        HADAL_UNROLL
        for (int v = 0; v < kVecs; ++v) acc[r][v] = V::Fma(x, w[v], acc[r][v]);
      }
    }
    HADAL_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HADAL_UNROLL
      for (int v = 0; v < kVecs; ++v) V::Store(c + r * o.c_stride + 16 * v, acc[r][v]);
    }
  }

  /// Tile() for a number of rows known at run time, at most kRows.
  template <int kRows, int kVecs>
  static void TileOf(int64_t rows, const Operands& o, int64_t row, int64_t j, int64_t depth) {
    if (rows == kRows) return Tile<kRows, kVecs>(o, row, j, depth);
    if constexpr (kRows > 1) TileOf<kRows - 1, kVecs>(rows, o, row, j, depth);
  }

  /// Rows in groups as equal as they can be: a single row left over would wait for its own sums.
  template <int kRows, int kVecs>
  static void Columns(const Operands& o, int64_t rows, int64_t j, int64_t depth) {
    const int64_t groups = (rows + kRows - 1) / kRows;
    int64_t row = 0;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t count = (rows - row + groups - g - 1) / (groups - g);
      TileOf<kRows, kVecs>(count, o, row, j, depth);
      row += count;
    }
  }

  /// a [rows, depth], b [depth, cols], c [rows, cols]; cols in whole vectors. Depth is cut so that
  /// a panel of b stays in the first-level cache for all rows.
  static void Run(Operands o, int64_t rows, int64_t cols, int64_t depth) {
    constexpr int64_t kPanelDepth = 128;
    constexpr int64_t kStep = 16 * V::kGemmVecs;
    for (int64_t k = 0; k < depth; k += kPanelDepth) {
      const int64_t part = depth - k < kPanelDepth ? depth - k : kPanelDepth;
      int64_t j = 0;
      for (; j + kStep <= cols; j += kStep) Columns<V::kGemmRows, V::kGemmVecs>(o, rows, j, part);
      if constexpr (V::kGemmVecs > 2) {
        // Half as wide, twice as high: as many sums in flight (the heads of small encoders).
        for (; j + kStep / 2 <= cols; j += kStep / 2) {
          Columns<2 * V::kGemmRows, V::kGemmVecs / 2>(o, rows, j, part);
        }
      }
      for (; j < cols; j += 16) Columns<V::kGemmRows, 1>(o, rows, j, part);
      o.a += part;
      o.b += part * o.b_stride;
      o.fresh = false;
    }
  }
};

}  // namespace hadal::inference
