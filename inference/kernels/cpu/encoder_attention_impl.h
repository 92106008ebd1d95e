#pragma once

#include <cstdint>
#include <cstring>

#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/matmul_impl.h"
#include "inference/kernels/cpu/unroll.h"
#include "inference/kernels/cpu/weight_blocks.h"

// Attention of one head of an encoder in whole numbers, for one instruction set V: the products of
// MatMul, whose "weights" are made as it goes. Sixteen queries are the lanes: they meet the rows of
// K, so that scores lie position by position, and their maxima, exponentials and sums need nothing
// across lanes. Each block of 32 positions has a softmax of its own, from 0 to 127, which meets the
// rows of V transposed; the blocks are added in order, each times what it counts.

namespace hadal::inference {

/// 2^x in float32 for x <= 127, 3e-6 of it off: what it is for has seven bits. Below 2^-126 it
/// stays there. NaN stays NaN.
template <typename V>
HADAL_INLINE typename V::F Exp2(typename V::F x) {
  using F = typename V::F;
  x = V::Max(V::Set(-126.0f), x);
  const auto n = V::Round(x);
  const F r = V::Sub(x, V::ToFloat(n));
  F p = V::Set(9.58285481e-3f);
  p = V::Fma(p, r, V::Set(5.59064262e-2f));
  p = V::Fma(p, r, V::Set(2.40240991e-1f));
  p = V::Fma(p, r, V::Set(6.93124175e-1f));
  p = V::Fma(p, r, V::Set(1.0f));
  return V::Mul(p, V::Pow2(n));
}

template <typename V>
struct EncoderAttentionKernels {
  using F = typename V::F;
  using I = typename V::I;
  using Products = MatMulKernels<V>;

  /// Sixteen queries, rounded: bytes and scales as those of a panel of weights.
  using Queries = PanelBlocks<V, ElementType::kQ8_0>;
  /// Sixteen queries' exponentials, 32 positions a block. None is negative, none above 127.
  struct Exponentials : Queries {
    static constexpr int kOffset = 0;
    static constexpr bool kWide = false;
  };
  static constexpr int kRows = V::kMatrixTiles ? 16 : V::kStreamRows;
  static constexpr int kLanes = kGroupRows;
  static_assert(kBlockCols % kRows == 0);

  static float* ScalesOf(uint8_t* block) { return reinterpret_cast<float*>(block + 512); }

  struct Scratch {
    ActivationBlock* keys;    // [dim / 32, padded rows]
    ActivationBlock* values;  // [padded rows / 32, dim]: V transposed
    uint8_t* queries;         // a panel of dim / 32 blocks
    uint8_t* exponentials;    // a panel of padded rows / 32 blocks
    float* maxima;            // [padded rows / 32, 16]
    float* sums;              // likewise
    float* outputs;           // [dim, 16]
    explicit Scratch(const EncoderAttention& args) {
      const int64_t rows = args.padded_rows();
      const int64_t blocks = rows / kBlockCols;
      const int64_t head_blocks = args.head_dim / kBlockCols;
      keys = static_cast<ActivationBlock*>(args.scratch);
      values = keys + head_blocks * rows;
      queries = reinterpret_cast<uint8_t*>(values + blocks * args.head_dim);
      exponentials = queries + head_blocks * Queries::kBlockBytes;
      maxima = reinterpret_cast<float*>(exponentials + blocks * Queries::kBlockBytes);
      sums = maxima + blocks * kLanes;
      outputs = sums + blocks * kLanes;
    }
  };

  /// The head's numbers of one row, wanted soon: heads lie side by side, so its next row is far.
  static HADAL_INLINE void Prefetch(const float* row, int64_t dim) {
    for (int64_t d = 0; d < dim; d += 16) V::Prefetch(row + d);
  }

  static void RoundKeys(const EncoderAttention& args, const Scratch& s) {
    const int64_t rows = args.padded_rows();
    for (int64_t p = 0; p < args.num_rows; ++p) {
      Prefetch(args.k + (p + kLanes) * args.kv_stride, args.head_dim);
      Products::QuantizeRow(args.k + p * args.kv_stride, args.head_dim, rows, s.keys + p);
    }
    for (int64_t b = 0; b < args.head_dim / kBlockCols; ++b) {
      for (int64_t p = args.num_rows; p < rows; ++p) s.keys[b * rows + p] = ActivationBlock();
    }
  }

  /// Positions [first, first + 16) of V's columns [d, d + 16), transposed; zeros behind the last.
  static void TransposeValues(const EncoderAttention& args, int64_t first, int64_t d, float* out,
                              int64_t out_stride) {
    const float* v = args.v + first * args.kv_stride + d;
    const int64_t count = args.num_rows - first;
    if (count >= 16) return V::Transpose(v, args.kv_stride, out, out_stride);
    alignas(64) float padded[16 * 16] = {};
    for (int64_t p = 0; p < count; ++p) V::Store(padded + 16 * p, V::Load(v + p * args.kv_stride));
    V::Transpose(padded, 16, out, out_stride);
  }

  static void RoundValues(const EncoderAttention& args, const Scratch& s) {
    ActivationBlock* out = s.values;
    for (int64_t p = 0; p < args.num_rows; p += kBlockCols) {
      for (int64_t next = p + kBlockCols; next < p + 2 * kBlockCols; ++next) {
        Prefetch(args.v + next * args.kv_stride, args.head_dim);
      }
      for (int64_t d = 0; d < args.head_dim; d += 16, out += 16) {
        alignas(64) float columns[16 * kBlockCols];
        TransposeValues(args, p, d, columns, kBlockCols);
        TransposeValues(args, p + 16, d, columns + 16, kBlockCols);
        Products::QuantizeRow(columns, 16 * kBlockCols, 1, out);
      }
    }
  }

  /// Queries [first, first + count) become s.queries. Scores are powers of two.
  static void PackQueries(const EncoderAttention& args, int64_t first, int64_t count,
                          const Scratch& s) {
    constexpr float kLog2E = 1.44269504f;
    for (int64_t next = first + kLanes; next < first + 2 * kLanes; ++next) {
      Prefetch(args.q + next * args.q_stride, args.head_dim);
    }
    for (int64_t d = 0; d < args.head_dim; d += kBlockCols) {
      uint8_t* block = s.queries + d / kBlockCols * Queries::kBlockBytes;
      for (int64_t i = 0; i < kLanes; ++i) {
        ActivationBlock x = {};
        if (i < count) {
          Products::QuantizeRow(args.q + (first + i) * args.q_stride + d, kBlockCols, 1, &x);
        }
        for (int step = 0; step < 8; ++step) {
          uint32_t four;
          std::memcpy(&four, x.q + 4 * step, 4);
          if constexpr (!V::kMatrixTiles) four ^= 0x80808080;  // + 128 each
          std::memcpy(block + 64 * step + 4 * i, &four, 4);
        }
        ScalesOf(block)[i] = x.scale * (args.scale * kLog2E);
      }
    }
  }

  /// kRows rows of x times the sixteen lanes of `panel`, over all its blocks.
  template <typename Panel>
  static HADAL_INLINE void Multiply(const uint8_t* panel, const ActivationBlock* x, int64_t stride,
                                    int64_t num_blocks, F (*acc)[1]) {
    Panel lanes;
    lanes.panel = panel;
    HADAL_UNROLL
    for (int m = 0; m < kRows; ++m) acc[m][0] = V::Zero();
    if constexpr (V::kMatrixTiles) {
      V::template AddBlocks<Panel, kRows>(lanes, x, stride, num_blocks, acc);
    } else {
      Products::template AddBlocks<Panel, kRows, 1>(&lanes, x, stride, num_blocks, acc);
    }
  }

  /// The scores of positions [32 b, 32 b + count): scores[p] of sixteen queries.
  static void Score(const EncoderAttention& args, const Scratch& s, int64_t b, float* scores) {
    for (int64_t r = 0; r < kBlockCols; r += kRows) {
      F acc[kRows][1];
      Multiply<Queries>(s.queries, s.keys + b * kBlockCols + r, args.padded_rows(),
                        args.head_dim / kBlockCols, acc);
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) V::Store(scores + (r + m) * kLanes, acc[m][0]);
    }
  }

  /// One block's softmax without its denominator: 127 * 2^(score - maximum), rounded for the
  /// product and exact for the sum. Scores behind `count` count as none.
  static void Exponentiate(const float* scores, int64_t count, int64_t b, const Scratch& s) {
    constexpr float kLog2Of127 = 6.98868469f;
    F max = V::Load(scores);
    for (int64_t p = 1; p < count; ++p) max = V::Max(max, V::Load(scores + p * kLanes));
    const F shift = V::Sub(max, V::Set(kLog2Of127));
    F sum = V::Zero();
    uint8_t* steps = s.exponentials + b * Queries::kBlockBytes;
    const auto at = [&](int64_t p) HADAL_LAMBDA_INLINE {
      if (p >= count) return V::ISet(0);
      const F e = Exp2<V>(V::Sub(V::Load(scores + p * kLanes), shift));
      sum = V::Add(sum, e);
      return V::Round(e);
    };
    for (int64_t p = 0; p < kBlockCols; p += 4, steps += 64) {
      const I first = at(p), second = at(p + 1), third = at(p + 2), fourth = at(p + 3);
      V::StoreU8(steps, V::FourBytes(first, second, third, fourth));
    }
    V::Store(s.maxima + b * kLanes, max);
    V::Store(s.sums + b * kLanes, sum);
  }

  /// What each block counts, beside the largest maximum; returns 1 / the denominator.
  static F Weigh(const Scratch& s, int64_t num_blocks) {
    F max = V::Load(s.maxima);
    for (int64_t b = 1; b < num_blocks; ++b) max = V::Max(max, V::Load(s.maxima + b * kLanes));
    F total = V::Zero();
    for (int64_t b = 0; b < num_blocks; ++b) {
      const F share = Exp2<V>(V::Sub(V::Load(s.maxima + b * kLanes), max));
      total = V::Fma(share, V::Load(s.sums + b * kLanes), total);
      V::Store(ScalesOf(s.exponentials + b * Queries::kBlockBytes), share);
    }
    return V::Div(V::Set(1.0f), total);
  }

  /// The results of queries [first, first + count).
  static void Finish(const EncoderAttention& args, const Scratch& s, int64_t first, int64_t count) {
    const int64_t num_blocks = args.padded_rows() / kBlockCols;
    const F inverse = Weigh(s, num_blocks);
    for (int64_t d = 0; d < args.head_dim; d += kRows) {
      F acc[kRows][1];
      Multiply<Exponentials>(s.exponentials, s.values + d, args.head_dim, num_blocks, acc);
      HADAL_UNROLL
      for (int m = 0; m < kRows; ++m) {
        V::Store(s.outputs + (d + m) * kLanes, V::Mul(acc[m][0], inverse));
      }
    }
    float* out = args.out + first * args.out_stride;
    for (int64_t d = 0; d < args.head_dim; d += 16) {
      if (count == kLanes) {
        V::Transpose(s.outputs + d * kLanes, kLanes, out + d, args.out_stride);
        continue;
      }
      alignas(64) float rows[kLanes * 16];
      V::Transpose(s.outputs + d * kLanes, kLanes, rows, 16);
      for (int64_t i = 0; i < count; ++i) {
        V::Store(out + i * args.out_stride + d, V::Load(rows + 16 * i));
      }
    }
  }

  static void Head(const EncoderAttention& args) {
    const Scratch s(args);
    RoundKeys(args, s);
    RoundValues(args, s);
    V::UseRows(kRows);
    for (int64_t first = 0; first < args.num_rows; first += kLanes) {
      const int64_t count = LeastOf(kLanes, args.num_rows - first);
      PackQueries(args, first, count, s);
      for (int64_t p = 0; p < args.num_rows; p += kBlockCols) {
        alignas(64) float scores[kBlockCols * kLanes];
        Score(args, s, p / kBlockCols, scores);
        Exponentiate(scores, LeastOf(kBlockCols, args.num_rows - p), p / kBlockCols, s);
      }
      Finish(args, s, first, count);
    }
  }
};

}  // namespace hadal::inference
