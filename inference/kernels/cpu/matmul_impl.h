#pragma once

#include <cstdint>

#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/unroll.h"
#include "inference/kernels/cpu/weight_blocks.h"

// MatMul for one instruction set V. Every output is the same chain of operations whatever the tile:
// for each block of 32 columns an exact integer dot product, then one fused multiply-add; for float
// weights one fused multiply-add a column.
//
// Few rows of x read the packed weights once, at memory speed, and unpack them in registers. Many
// rows are a GEMM: pieces of the weights are unpacked into a panel that stays in the first-level
// cache while tiles of rows meet it; their sums wait in memory between one piece and the next.

namespace hadal::inference {

template <int kValue>
struct IntConstant {
  static constexpr int value = kValue;
};

/// body(IntConstant<n>) where n is `rows` rounded up to a multiple of kStep, at most kMost.
template <int kMost, int kStep, typename Body>
void WithRows(int64_t rows, Body body) {
  if constexpr (kMost > kStep) {
    if (rows <= kMost - kStep) return WithRows<kMost - kStep, kStep>(rows, body);
  }
  body(IntConstant<kMost>());
}

template <ElementType kType>
struct TypeConstant {
  static constexpr ElementType value = kType;
};

template <typename Body>
void WithQuantizedType(ElementType type, Body body) {
  switch (type) {
    case ElementType::kQ8_0: return body(TypeConstant<ElementType::kQ8_0>());
    case ElementType::kQ4_0: return body(TypeConstant<ElementType::kQ4_0>());
    case ElementType::kQ4_1: return body(TypeConstant<ElementType::kQ4_1>());
    case ElementType::kQ5_0: return body(TypeConstant<ElementType::kQ5_0>());
    case ElementType::kQ5_1: return body(TypeConstant<ElementType::kQ5_1>());
    case ElementType::kQ4_K: return body(TypeConstant<ElementType::kQ4_K>());
    case ElementType::kQ5_K: return body(TypeConstant<ElementType::kQ5_K>());
    case ElementType::kQ6_K: return body(TypeConstant<ElementType::kQ6_K>());
    default: return;  // float weights
  }
}

constexpr int64_t LeastOf(int64_t a, int64_t b) { return a < b ? a : b; }

template <typename V>
struct MatMulKernels {
  using F = typename V::F;
  using I = typename V::I;
  using U8 = typename V::U8;

  static void QuantizeRow(const float* x, int64_t cols, int64_t step, ActivationBlock* out) {
    for (int64_t b = 0; b < cols / kBlockCols; ++b, x += kBlockCols, out += step) {
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

  // ---- Quantised weights ----

  template <int kOffset>
  static HADAL_INLINE I Start(const ActivationBlock& x, int half) {
    if constexpr (kOffset == 8) return V::ISet(x.start_8);
    if constexpr (kOffset == 16) return V::ISet(x.start_16);
    if constexpr (kOffset == 32) return V::ISet(x.start_32[half]);
    if constexpr (kOffset == 128) return V::ISet(x.start_128);
    return V::ISet(0);
  }

  template <typename Block, bool kWide, int kStep, int kRows, int kGroups>
  static HADAL_INLINE void DotStep(const Block* block, const ActivationBlock* x,
                                   I (*sum)[kGroups]) {
    U8 w[kGroups];
    HADAL_UNROLL
    for (int g = 0; g < kGroups; ++g) w[g] = block[g].template Step<kStep>();
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      const typename V::X4 four = V::Four(x[m].q + 4 * kStep);
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) sum[m][g] = V::template Dot<kWide>(sum[m][g], w[g], four);
    }
  }

  template <int kOffset, int kRows, int kGroups>
  static HADAL_INLINE void StartSums(const ActivationBlock* x, int half, I (*sum)[kGroups]) {
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) sum[m][g] = Start<kOffset>(x[m], half);
    }
  }

  template <int kRows, int kGroups>
  static HADAL_INLINE void AddScaled(const F* scale, const ActivationBlock* x,
                                     const I (*sum)[kGroups], F (*acc)[kGroups]) {
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      const F row_scale = V::Set(x[m].scale);
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        acc[m][g] = V::Fma(V::ToFloat(sum[m][g]), V::Mul(scale[g], row_scale), acc[m][g]);
      }
    }
  }

  template <int kRows, int kGroups>
  static HADAL_INLINE void AddMin(const F* min, const ActivationBlock* x, F (*acc)[kGroups]) {
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) {
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        acc[m][g] = V::Fma(min[g], V::Set(x[m].scaled_sum), acc[m][g]);
      }
    }
  }

  /// acc[m][g] += weights of group g * x row m, over `num_blocks` blocks. Block b of row m is
  /// x[b * stride + m].
  template <typename Weights, int kRows, int kGroups>
  static HADAL_INLINE void AddBlocks(const Weights* weights, const ActivationBlock* x,
                                     int64_t stride, int64_t num_blocks, F (*acc)[kGroups]) {
    using Block = typename Weights::Block;
    constexpr bool kWide = Weights::kWide;
    for (int64_t b = 0; b < num_blocks; ++b, x += stride) {
      Block block[kGroups];
      I sum[kRows][kGroups];
      F scale[kGroups];
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) block[g] = weights[g].At(b);
      StartSums<Weights::kOffset, kRows>(x, 0, sum);
      DotStep<Block, kWide, 0, kRows>(block, x, sum);
      DotStep<Block, kWide, 1, kRows>(block, x, sum);
      DotStep<Block, kWide, 2, kRows>(block, x, sum);
      DotStep<Block, kWide, 3, kRows>(block, x, sum);
      if constexpr (Weights::kScales == 2) {
        HADAL_UNROLL
        for (int g = 0; g < kGroups; ++g) scale[g] = block[g].Scale(0);
        AddScaled<kRows>(scale, x, sum, acc);
        StartSums<Weights::kOffset, kRows>(x, 1, sum);
      }
      DotStep<Block, kWide, 4, kRows>(block, x, sum);
      DotStep<Block, kWide, 5, kRows>(block, x, sum);
      DotStep<Block, kWide, 6, kRows>(block, x, sum);
      DotStep<Block, kWide, 7, kRows>(block, x, sum);
      HADAL_UNROLL
      for (int g = 0; g < kGroups; ++g) scale[g] = block[g].Scale(Weights::kScales - 1);
      AddScaled<kRows>(scale, x, sum, acc);
      if constexpr (Weights::kHasMin) {
        F min[kGroups];
        HADAL_UNROLL
        for (int g = 0; g < kGroups; ++g) min[g] = block[g].Min();
        AddMin<kRows>(min, x, acc);
      }
    }
  }

  /// Few rows: the packed weights of each group, as they lie in memory.
  template <ElementType kType>
  static void QuantizedDirect(const MatMulGroups& args) {
    const int64_t tile = EvenTile(args.num_rows, V::kStreamRows);
    for (int32_t group = 0; group < args.num_groups; ++group) {
      const PackedBlocks<V, kType> weights(args.groups + group * args.group_bytes, args.cols);
      for (int64_t row = 0; row < args.num_rows; row += tile) {
        const int64_t count = LeastOf(tile, args.num_rows - row);
        WithRows<V::kStreamRows, 1>(count, [&](auto rows) HADAL_LAMBDA_INLINE {
          constexpr int kRows = decltype(rows)::value;
          F acc[kRows][1];
          HADAL_UNROLL
          for (int m = 0; m < kRows; ++m) acc[m][0] = V::Zero();
          AddBlocks<PackedBlocks<V, kType>, kRows, 1>(&weights, args.blocks + row, args.num_rows,
                                                      args.cols / kBlockCols, acc);
          HADAL_UNROLL
          for (int m = 0; m < kRows; ++m) StoreRow(args, group, row + m, acc[m][0]);
        });
      }
    }
  }

  /// Rows whose rounded values lie together.
  struct Bundle {
    int64_t row, rows;
  };

  /// What PanelGroups needs to know of quantised weights.
  template <ElementType kType>
  struct QuantizedPanel {
    using Blocks = PanelBlocks<V, kType>;
    static constexpr int64_t kCols = kPanelCols;
    static constexpr int kRows = V::kBundleRows;
    static constexpr int kRowStep = V::kBundleStep;
    static constexpr int kGroups = V::kBundleGroups;

    static int64_t BundleRows(const MatMulGroups& args) { return args.bundle_rows; }
    static void Fill(const MatMulGroups& args, int32_t group, int64_t col, int64_t cols,
                     uint8_t* panel) {
      UnpackPanel<V, kType>(args.groups + group * args.group_bytes, args.cols, col / kBlockCols,
                            cols / kBlockCols, panel);
    }
    template <int kTileRows, int kTileGroups>
    static HADAL_INLINE void Add(const MatMulGroups& args, const Bundle& bundle, int64_t row,
                                 int64_t col, int64_t cols, const uint8_t* const* panel,
                                 F (*acc)[kTileGroups]) {
      const int64_t rows = bundle.rows;
      const ActivationBlock* x = args.blocks + col / kBlockCols * args.num_rows +
                                 bundle.row * (cols / kBlockCols) + (row - bundle.row);
      Blocks weights[kTileGroups];
      HADAL_UNROLL
      for (int g = 0; g < kTileGroups; ++g) weights[g] = Blocks{panel[g]};
      if constexpr (V::kMatrixTiles) {
        V::template AddBlocks<Blocks, kTileRows>(weights[0], x, rows, cols / kBlockCols, acc);
      } else {
        AddBlocks<Blocks, kTileRows, kTileGroups>(weights, x, rows, cols / kBlockCols, acc);
      }
    }
  };

  // ---- Float weights ----

  /// scales: of E4M3 weights, else unused. The product is rounded as a widened weight would be.
  template <ElementType kType>
  static HADAL_INLINE F FloatWeights(const uint8_t* group, const float* scales, int64_t col) {
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

  template <ElementType kType>
  static void FloatDirect(const MatMulGroups& args, int32_t group) {
    const uint8_t* weights = args.groups + group * args.group_bytes;
    const float* scales = reinterpret_cast<const float*>(weights + Fp8ScaleOffset(args.cols));
    const int64_t tile = EvenTile(args.num_rows, V::kStreamRows);
    for (int64_t row = 0; row < args.num_rows; row += tile) {
      const int64_t count = LeastOf(tile, args.num_rows - row);
      WithRows<V::kStreamRows, 1>(count, [&](auto rows) HADAL_LAMBDA_INLINE {
        constexpr int kRows = decltype(rows)::value;
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
      });
    }
  }

  template <ElementType kType>
  struct FloatPanel {
    static constexpr int64_t kCols = kFloatPanelCols;
    static constexpr int kRows = V::kTileRows;
    static constexpr int kRowStep = 1;
    static constexpr int kGroups = V::kTileGroups;

    static int64_t BundleRows(const MatMulGroups&) { return V::kTileRows; }
    static void Fill(const MatMulGroups& args, int32_t group, int64_t col, int64_t cols,
                     uint8_t* panel) {
      const uint8_t* weights = args.groups + group * args.group_bytes;
      const float* scales = reinterpret_cast<const float*>(weights + Fp8ScaleOffset(args.cols));
      auto* out = reinterpret_cast<float*>(panel);
      for (int64_t c = 0; c < cols; ++c) {
        V::Store(out + c * kGroupRows, FloatWeights<kType>(weights, scales, col + c));
      }
    }
    template <int kTileRows, int kTileGroups>
    static HADAL_INLINE void Add(const MatMulGroups& args, const Bundle&, int64_t row,
                                 int64_t col, int64_t cols, const uint8_t* const* panel,
                                 F (*acc)[kTileGroups]) {
      const float* x = args.x + row * args.x_stride + col;
      for (int64_t c = 0; c < cols; ++c) {
        F w[kTileGroups];
        HADAL_UNROLL
        for (int g = 0; g < kTileGroups; ++g) {
          w[g] = V::Load(reinterpret_cast<const float*>(panel[g]) + c * kGroupRows);
        }
        HADAL_UNROLL
        for (int m = 0; m < kTileRows; ++m) {
          const F value = V::Set(x[m * args.x_stride + c]);
          HADAL_UNROLL
          for (int g = 0; g < kTileGroups; ++g) acc[m][g] = V::Fma(w[g], value, acc[m][g]);
        }
      }
    }
  };

  // ---- Both ----

  /// Writes one row of one group, of MatMulGroups or Int8Groups.
  template <typename Args>
  static HADAL_INLINE void StoreRow(const Args& args, int32_t group, int64_t row, F acc) {
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

  /// Rows [row, row + rows) of a bundle meet the panels of kTileGroups groups: columns [col, col +
  /// cols). A tile may have more rows than exist: what they add up is not kept.
  template <typename Panel, int kTileRows, int kTileGroups>
  static void RunTile(const MatMulGroups& args, float* sums, int32_t group, const Bundle& bundle,
                      int64_t row, int64_t rows, int64_t col, int64_t cols,
                      const uint8_t* const* panel) {
    F acc[kTileRows][kTileGroups];
    HADAL_UNROLL
    for (int m = 0; m < kTileRows; ++m) {
      HADAL_UNROLL
      for (int g = 0; g < kTileGroups; ++g) {
        acc[m][g] = col == 0 ? V::Zero() : V::Load(sums + (m * kMaxPanelGroups + g) * kGroupRows);
      }
    }
    const bool last = col + cols == args.cols;
    // The lines of the results come while the tile is computed: rows of y are pages apart, and
    // where sums of blocks pass through memory (AMX) they would stand behind stores that wait.
    const float* out = last ? args.y + row * args.y_stride + int64_t{group} * kGroupRows : sums;
    const int64_t step = last ? args.y_stride : kMaxPanelGroups * kGroupRows;
    for (int64_t m = 0; m < rows; ++m) __builtin_prefetch(out + m * step, 1);
    Panel::template Add<kTileRows, kTileGroups>(args, bundle, row, col, cols, panel, acc);
    HADAL_UNROLL
    for (int m = 0; m < kTileRows; ++m) {
      if (Panel::kRowStep > 1 && m >= rows) break;
      HADAL_UNROLL
      for (int g = 0; g < kTileGroups; ++g) {
        if (last) {
          StoreRow(args, group + g, row + m, acc[m][g]);
        } else {
          V::Store(sums + (m * kMaxPanelGroups + g) * kGroupRows, acc[m][g]);
        }
      }
    }
  }

  static constexpr int64_t kPanelStride = kPanelBytes / kPanelGroups;

  template <typename Panel>
  static void PanelGroups(const MatMulGroups& args) {
    const int64_t bundle = Panel::BundleRows(args);
    const int64_t pass = kPassRows / bundle * bundle;
    int64_t used_rows = 0;
    for (int64_t first = 0; first < args.num_rows; first += pass) {
      const int64_t end = LeastOf(first + pass, args.num_rows);
      for (int64_t col = 0; col < args.cols; col += Panel::kCols) {
        const int64_t cols = LeastOf(Panel::kCols, args.cols - col);
        for (int32_t begin = 0; begin < args.num_groups; begin += kPanelGroups) {
          const auto groups = static_cast<int32_t>(LeastOf(kPanelGroups, args.num_groups - begin));
          for (int32_t g = 0; g < groups; ++g) {
            Panel::Fill(args, begin + g, col, cols, args.panel + g * kPanelStride);
          }
          for (int64_t row = first; row < end; row += bundle) {
            RunBundle<Panel>(args, {row, LeastOf(bundle, end - row)}, first, begin, groups, col,
                             cols, &used_rows);
          }
        }
      }
    }
  }

  /// A bundle may have more rows than a tile: made for other kernels.
  template <typename Panel>
  static void RunBundle(const MatMulGroups& args, const Bundle& bundle, int64_t first_row,
                        int32_t begin, int32_t groups, int64_t col, int64_t cols,
                        int64_t* used_rows) {
    for (int64_t row = bundle.row; row < bundle.row + bundle.rows; row += Panel::kRows) {
      const int64_t rows = LeastOf(Panel::kRows, bundle.row + bundle.rows - row);
      if (rows != *used_rows) V::UseRows(*used_rows = rows);
      for (int32_t g = 0; g < groups; g += Panel::kGroups) {
        const uint8_t* panels[] = {args.panel + g * kPanelStride,
                                   args.panel + (g + 1) * kPanelStride};
        float* sums = args.sums + ((row - first_row) * kMaxPanelGroups + begin + g) * kGroupRows;
        WithRows<Panel::kRows, Panel::kRowStep>(rows, [&](auto n) HADAL_LAMBDA_INLINE {
          constexpr int kRows = decltype(n)::value;
          if (groups - g >= Panel::kGroups) {
            RunTile<Panel, kRows, Panel::kGroups>(args, sums, begin + g, bundle, row, rows, col,
                                                  cols, panels);
          } else {
            RunTile<Panel, kRows, 1>(args, sums, begin + g, bundle, row, rows, col, cols, panels);
          }
        });
      }
    }
  }

  template <ElementType kType>
  static void FloatGroups(const MatMulGroups& args) {
    if (args.num_rows > kDirectRows) return PanelGroups<FloatPanel<kType>>(args);
    for (int32_t g = 0; g < args.num_groups; ++g) FloatDirect<kType>(args, g);
  }

  static void QuantizedPanels(const MatMulGroups& args) {
    WithQuantizedType(args.type, [&](auto type) {
      PanelGroups<QuantizedPanel<decltype(type)::value>>(args);
    });
  }

  static void QuantizedGroups(const MatMulGroups& args) {
    if (args.num_rows > kDirectRows) return QuantizedPanels(args);
    WithQuantizedType(args.type,
                      [&](auto type) { QuantizedDirect<decltype(type)::value>(args); });
  }

  static void Groups(const MatMulGroups& args) {
    switch (args.type) {
      case ElementType::kF32: return FloatGroups<ElementType::kF32>(args);
      case ElementType::kF16: return FloatGroups<ElementType::kF16>(args);
      case ElementType::kBF16: return FloatGroups<ElementType::kBF16>(args);
      case ElementType::kF8E4M3: return FloatGroups<ElementType::kF8E4M3>(args);
      default: return QuantizedGroups(args);
    }
  }
};

}  // namespace hadal::inference
