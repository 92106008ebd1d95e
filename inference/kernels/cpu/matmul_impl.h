#pragma once

#include <cstdint>

#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/unroll.h"
#include "inference/kernels/cpu/weight_blocks.h"

// MatMul for one instruction set V. Every output is the same chain of operations whatever the tile:
// for each block of 32 columns an exact integer dot product, then one fused multiply-add.

namespace hadal::inference {

template <typename V>
struct MatMulKernels {
  using F = typename V::F;
  using I = typename V::I;
  using U8 = typename V::U8;

  static void QuantizeRow(const float* x, int64_t cols, ActivationBlock* out) {
    for (int64_t b = 0; b < cols / kBlockCols; ++b, x += kBlockCols, ++out) {
      const F low = V::Load(x);
      const F high = V::Load(x + 16);
      const float amax = V::MaxOf(V::Max(V::Abs(low), V::Abs(high)));
      const float inverse = amax > 0 ? 127.0f / amax : 0.0f;
      const I q_low = V::Round(V::Mul(low, V::Set(inverse)));
      const I q_high = V::Round(V::Mul(high, V::Set(inverse)));
      V::StoreI8(out->q, q_low);
      V::StoreI8(out->q + 16, q_high);
      const int32_t sum_low = V::ISum(q_low);
      const int32_t sum_high = V::ISum(q_high);
      const int32_t sum = sum_low + sum_high;
      out->scale = amax / 127.0f;
      out->scaled_sum = out->scale * static_cast<float>(sum);
      out->start_8 = -8 * sum;
      out->start_16 = -16 * sum;
      out->start_128 = -128 * sum;
      out->start_32[0] = -32 * sum_low;
      out->start_32[1] = -32 * sum_high;
      out->unused = 0;
    }
  }

  template <int kOffset>
  static I Start(const ActivationBlock& x, int half) {
    if constexpr (kOffset == 8) return V::ISet(x.start_8);
    if constexpr (kOffset == 16) return V::ISet(x.start_16);
    if constexpr (kOffset == 32) return V::ISet(x.start_32[half]);
    if constexpr (kOffset == 128) return V::ISet(x.start_128);
    return V::ISet(0);
  }

  template <typename Weights, int kStep, int kRows>
  static inline __attribute__((always_inline)) void DotStep(const typename Weights::Block& block,
                                                            const ActivationBlock* const* x,
                                                            I* sum) {
    const U8 w = block.template Step<kStep>();
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      sum[m] = V::template Dot<Weights::kWide>(sum[m], w, x[m]->q + 4 * kStep);
    }
  }

  template <typename Weights, int kRows>
  static inline __attribute__((always_inline)) void AddScaled(const F scale,
                                                              const ActivationBlock* const* x,
                                                              const I* sum, F* acc) {
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      acc[m] = V::Fma(V::ToFloat(sum[m]), V::Mul(scale, V::Set(x[m]->scale)), acc[m]);
    }
  }

  /// acc[m] += weights * x row m, over all blocks.
  template <typename Weights, int kRows>
  static inline __attribute__((always_inline)) void BlockTile(const Weights& weights,
                                                              const ActivationBlock* x,
                                                              int64_t num_blocks, F* acc) {
    for (int64_t b = 0; b < num_blocks; ++b) {
      const auto block = weights.At(b);
      const ActivationBlock* row[kRows];
      I sum[kRows];
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) row[m] = x + m * num_blocks + b;
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) sum[m] = Start<Weights::kOffset>(*row[m], 0);
      DotStep<Weights, 0, kRows>(block, row, sum);
      DotStep<Weights, 1, kRows>(block, row, sum);
      DotStep<Weights, 2, kRows>(block, row, sum);
      DotStep<Weights, 3, kRows>(block, row, sum);
      if constexpr (Weights::kScales == 2) {
        AddScaled<Weights, kRows>(block.Scale(0), row, sum, acc);
        HADAL_UNROLL
        for (int m = 0; m < kRows; ++m) sum[m] = Start<Weights::kOffset>(*row[m], 1);
      }
      DotStep<Weights, 4, kRows>(block, row, sum);
      DotStep<Weights, 5, kRows>(block, row, sum);
      DotStep<Weights, 6, kRows>(block, row, sum);
      DotStep<Weights, 7, kRows>(block, row, sum);
      AddScaled<Weights, kRows>(block.Scale(Weights::kScales - 1), row, sum, acc);
      if constexpr (Weights::kHasMin) {
        const F min = block.Min();
        HADAL_UNROLL
        for (int m = 0; m < kRows; ++m) {
          acc[m] = V::Fma(min, V::Set(row[m]->scaled_sum), acc[m]);
        }
      }
    }
  }

  /// Writes one row of one group.
  static void StoreRow(const MatMulGroups& args, int32_t group, int64_t row, F acc) {
    float* y = args.y + row * args.y_stride + int64_t{group} * kGroupRows;
    const int valid = group + 1 == args.num_groups ? args.last_rows : kGroupRows;
    if (args.bias != nullptr) {
      const float* bias = args.bias + int64_t{group} * kGroupRows;
      acc = V::Add(acc, valid == kGroupRows ? V::Load(bias) : V::LoadPartial(bias, valid));
    }
    if (valid == kGroupRows) {
      V::Store(y, args.accumulate ? V::Add(V::Load(y), acc) : acc);
    } else {
      if (args.accumulate) acc = V::Add(V::LoadPartial(y, valid), acc);
      V::StorePartial(y, acc, valid);
    }
  }

  template <typename Weights, int kRows>
  static void Tile(const MatMulGroups& args, const Weights& weights, int32_t group, int64_t row) {
    const int64_t num_blocks = args.cols / kBlockCols;
    F acc[kRows];
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) acc[m] = V::Zero();
    BlockTile<Weights, kRows>(weights, args.blocks + row * num_blocks, num_blocks, acc);
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) StoreRow(args, group, row + m, acc[m]);
  }

  template <typename Weights>
  static void SmallTile(const MatMulGroups& args, const Weights& weights, int32_t group,
                        int64_t row, int64_t rows) {
    for (; rows >= 4 && V::kMaxTileRows >= 4; rows -= 4, row += 4) {
      Tile<Weights, 4>(args, weights, group, row);
    }
    if (rows >= 2) {
      Tile<Weights, 2>(args, weights, group, row);
      rows -= 2;
      row += 2;
    }
    if (rows >= 2) {
      Tile<Weights, 2>(args, weights, group, row);
      rows -= 2;
      row += 2;
    }
    if (rows == 1) Tile<Weights, 1>(args, weights, group, row);
  }

  template <ElementType kType>
  static void QuantizedGroups(const MatMulGroups& args) {
    if (args.num_rows <= kMaxDirectRows) {
      for (int32_t g = 0; g < args.num_groups; ++g) {
        const PackedBlocks<V, kType> weights(args.groups + g * args.group_bytes, args.cols);
        SmallTile(args, weights, g, 0, args.num_rows);
      }
      return;
    }
    using Panel = PanelBlocks<V, kType>;
    for (int32_t g = 0; g < args.num_groups; ++g) {
      UnpackPanel<V, kType>(args.groups + g * args.group_bytes, args.cols,
                            args.panel + g * PanelBytes(args.cols));
    }
    // A tile of x rows meets all panels while it is in the first-level cache.
    constexpr int kRows = V::kMaxTileRows;
    int64_t row = 0;
    for (; row + kRows <= args.num_rows; row += kRows) {
      for (int32_t g = 0; g < args.num_groups; ++g) {
        Tile<Panel, kRows>(args, Panel{args.panel + g * PanelBytes(args.cols)}, g, row);
      }
    }
    for (int32_t g = 0; row < args.num_rows && g < args.num_groups; ++g) {
      SmallTile(args, Panel{args.panel + g * PanelBytes(args.cols)}, g, row, args.num_rows - row);
    }
  }

  /// scales: of E4M3 weights, else unused. The product is rounded as a widened weight would be.
  template <ElementType kType>
  static F FloatWeights(const uint8_t* group, const float* scales, int64_t col) {
    if constexpr (kType == ElementType::kF32) {
      return V::Load(reinterpret_cast<const float*>(group) + col * kGroupRows);
    } else if constexpr (kType == ElementType::kF16) {
      return V::FromHalf(reinterpret_cast<const uint16_t*>(group) + col * kGroupRows);
    } else if constexpr (kType == ElementType::kF8E4M3) {
      return V::Mul(V::FromF8(group + col * kGroupRows), V::Set(scales[col / kFp8Block]));
    } else {
      return V::FromBf16(reinterpret_cast<const uint16_t*>(group) + col * kGroupRows);
    }
  }

  template <ElementType kType, int kRows>
  static void FloatTile(const MatMulGroups& args, int32_t group, int64_t row) {
    const uint8_t* weights = args.groups + group * args.group_bytes;
    const float* scales = reinterpret_cast<const float*>(weights + Fp8ScaleOffset(args.cols));
    const float* x = args.x + row * args.x_stride;
    F acc[kRows];
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) acc[m] = V::Zero();
    for (int64_t c = 0; c < args.cols; ++c) {
      const F w = FloatWeights<kType>(weights, scales, c);
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) {
        acc[m] = V::Fma(w, V::Set(x[m * args.x_stride + c]), acc[m]);
      }
    }
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) StoreRow(args, group, row + m, acc[m]);
  }

  template <ElementType kType>
  static void FloatGroups(const MatMulGroups& args) {
    for (int32_t g = 0; g < args.num_groups; ++g) {
      int64_t row = 0;
      for (; row + 4 <= args.num_rows; row += 4) FloatTile<kType, 4>(args, g, row);
      for (; row < args.num_rows; ++row) FloatTile<kType, 1>(args, g, row);
    }
  }

  static void Groups(const MatMulGroups& args) {
    switch (args.type) {
      case ElementType::kF32: return FloatGroups<ElementType::kF32>(args);
      case ElementType::kF16: return FloatGroups<ElementType::kF16>(args);
      case ElementType::kBF16: return FloatGroups<ElementType::kBF16>(args);
      case ElementType::kF8E4M3: return FloatGroups<ElementType::kF8E4M3>(args);
      case ElementType::kQ8_0: return QuantizedGroups<ElementType::kQ8_0>(args);
      case ElementType::kQ4_0: return QuantizedGroups<ElementType::kQ4_0>(args);
      case ElementType::kQ4_1: return QuantizedGroups<ElementType::kQ4_1>(args);
      case ElementType::kQ5_0: return QuantizedGroups<ElementType::kQ5_0>(args);
      case ElementType::kQ5_1: return QuantizedGroups<ElementType::kQ5_1>(args);
      case ElementType::kQ4_K: return QuantizedGroups<ElementType::kQ4_K>(args);
      case ElementType::kQ5_K: return QuantizedGroups<ElementType::kQ5_K>(args);
      case ElementType::kQ6_K: return QuantizedGroups<ElementType::kQ6_K>(args);
    }
  }
};

}  // namespace hadal::inference
