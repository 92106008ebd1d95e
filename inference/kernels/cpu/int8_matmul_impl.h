#pragma once

#include <cstdint>

#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/unroll.h"

// MatMul with an Int8Matrix for one instruction set V: for each chunk of 64 columns an exact dot
// product of integers, then one fused multiply-add with x's scale; after six, with the weight's.

namespace hadal::inference {

template <typename V>
struct Int8MatMulKernels {
  using F = typename V::F;
  using I = typename V::I;
  using U8 = typename V::U8;

  /// Sixteen numbers to int8 with their sum; what is behind `count` becomes zero.
  static HADAL_INLINE int32_t RoundSixteen(F x, F inverse, int8_t* out) {
    const I q = V::Round(V::Mul(x, inverse));
    V::StoreI8(out, q);
    return V::ISum(q);
  }

  static void RoundChunk(const float* x, int64_t cols, int8_t* out, Int8Scale* scale) {
    F most = V::Zero();
    for (int64_t c = 0; c < cols; c += 16) most = V::Max(most, V::Abs(V::Load(x + c)));
    const float amax = V::MaxOf(most);
    const F inverse = V::Set(amax > 0 ? 127.0f / amax : 0.0f);
    int32_t sum = 0;
    for (int64_t c = 0; c < cols; c += 16) sum += RoundSixteen(V::Load(x + c), inverse, out + c);
    *scale = {amax / 127.0f, -128 * sum};
  }

  /// cols: a multiple of 16.
  static void RoundRow(const float* x, int64_t cols, int8_t* out, Int8Scale* scales) {
    for (int64_t c = 0; c < cols; c += kInt8ChunkCols) {
      RoundChunk(x + c, LeastOf(kInt8ChunkCols, cols - c), out + c, scales++);
    }
  }

  template <int kRows>
  static HADAL_INLINE void Dot(const Int8Groups& args, const int8_t* x, const uint8_t* weights,
                               I* sum) {
    for (int64_t c = 0; c < kInt8ChunkCols; c += 4) {
      const U8 w = V::LoadU8(weights + c * kGroupRows);
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) {
        sum[m] = V::template Dot<true>(sum[m], w, V::Four(x + m * args.cols + c));
      }
    }
  }

  /// part[m] += chunk c of rows row + m times `group`, without the weight's scale.
  template <int kRows>
  static HADAL_INLINE void AddChunk(const Int8Groups& args, int64_t row, int32_t group, int64_t c,
                                    F* part) {
    const int64_t col = c * kInt8ChunkCols;
    const Int8Scale* scales = args.scales + row * args.chunks + c;
    I sum[kRows];
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) sum[m] = V::ISet(scales[m * args.chunks].start);
    Dot<kRows>(args, args.x + row * args.cols + col,
               args.groups + (group * args.cols + col) * kGroupRows, sum);
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      part[m] = V::Fma(V::ToFloat(sum[m]), V::Set(scales[m * args.chunks].scale), part[m]);
    }
  }

  template <int kRows>
  static void Tile(const Int8Groups& args, int64_t row, int32_t group) {
    const float* weight_scale = args.weight_scales + group * args.weight_parts() * kGroupRows;
    F total[kRows];
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) total[m] = V::Zero();
    for (int64_t c = 0; c < args.chunks; weight_scale += kGroupRows) {
      const int64_t end = LeastOf(args.chunks, c + kInt8WeightChunks);
      F part[kRows];
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) part[m] = V::Zero();
      for (; c < end; ++c) AddChunk<kRows>(args, row, group, c, part);
      const F scale = V::Load(weight_scale);
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) total[m] = V::Fma(part[m], scale, total[m]);
    }
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) MatMulKernels<V>::StoreRow(args, group, row + m, total[m]);
  }

  static void Groups(const Int8Groups& args) {
    constexpr int kMost = V::kStreamRows;
    const int64_t tile = EvenTile(args.num_rows, kMost);
    for (int32_t group = 0; group < args.num_groups; ++group) {
      for (int64_t row = 0; row < args.num_rows; row += tile) {
        WithRows<kMost, 1>(LeastOf(tile, args.num_rows - row), [&](auto rows) HADAL_LAMBDA_INLINE {
          Tile<decltype(rows)::value>(args, row, group);
        });
      }
    }
  }

  static constexpr Int8MatMulPart kPart = {128, RoundRow, Groups};
};

}  // namespace hadal::inference
