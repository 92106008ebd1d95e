#pragma once

#include <cstdint>

#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/unroll.h"

// Attention of one tile of queries for one instruction set V. KV positions are taken in tiles of 64
// counted from position 0, so a query sees the same tiles, and the same rounding, however its
// sequence was cut into chunks. A masked position adds exactly zero.

namespace hadal::inference {

template <typename V>
struct AttentionKernels {
  using F = typename V::F;

  struct Scratch {
    float* keys;     // [padded, 64]
    float* values;   // [64, padded]
    float* queries;  // [num_queries, padded]
    float* outputs;  // [num_queries, padded]
    float* scores;   // [num_queries, 64]
    float* max;
    float* sum;
    int64_t padded;         // key_dim in whole vectors: the stride of all but scores
    int64_t value_padded;   // value_dim in whole vectors
  };

  static Scratch Carve(const AttentionTile& args) {
    Scratch s;
    s.padded = (args.key_dim + 15) / 16 * 16;
    s.value_padded = (args.value_dim + 15) / 16 * 16;
    s.keys = args.scratch;
    s.values = s.keys + kTilePositions * s.padded;
    s.queries = s.values + kTilePositions * s.padded;
    s.outputs = s.queries + kMaxTileQueries * s.padded;
    s.scores = s.outputs + kMaxTileQueries * s.padded;
    s.max = s.scores + kMaxTileQueries * kTilePositions;
    s.sum = s.max + kMaxTileQueries;
    return s;
  }

  /// c[r][16 j ..] += a[r][k] * b[k][16 j ..] for kRows rows and kVecs vectors, k in order.
  template <int kRows, int kVecs>
  static inline __attribute__((always_inline)) void GemmTile(const float* a, int64_t a_stride,
                                                             const float* b, int64_t b_stride,
                                                             float* c, int64_t c_stride,
                                                             int64_t depth) {
    F acc[kRows][kVecs];
    HADAL_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HADAL_UNROLL
      for (int j = 0; j < kVecs; ++j) acc[r][j] = V::Load(c + r * c_stride + 16 * j);
    }
    for (int64_t k = 0; k < depth; ++k) {
      F w[kVecs];
      HADAL_UNROLL
      for (int j = 0; j < kVecs; ++j) w[j] = V::Load(b + k * b_stride + 16 * j);
      HADAL_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const F x = V::Set(a[r * a_stride + k]);
        HADAL_UNROLL
        for (int j = 0; j < kVecs; ++j) acc[r][j] = V::Fma(x, w[j], acc[r][j]);
      }
    }
    HADAL_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HADAL_UNROLL
      for (int j = 0; j < kVecs; ++j) V::Store(c + r * c_stride + 16 * j, acc[r][j]);
    }
  }

  template <int kVecs>
  static void GemmColumns(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                          float* c, int64_t c_stride, int64_t rows, int64_t depth) {
    int64_t r = 0;
    for (; r + V::kGemmRows <= rows; r += V::kGemmRows) {
      GemmTile<V::kGemmRows, kVecs>(a + r * a_stride, a_stride, b, b_stride, c + r * c_stride,
                                    c_stride, depth);
    }
    for (; r < rows; ++r) {
      GemmTile<1, kVecs>(a + r * a_stride, a_stride, b, b_stride, c + r * c_stride, c_stride,
                         depth);
    }
  }

  static void Gemm(const float* a, int64_t a_stride, const float* b, int64_t b_stride, float* c,
                   int64_t c_stride, int64_t rows, int64_t cols, int64_t depth) {
    constexpr int64_t kStep = 16 * V::kGemmVecs;
    int64_t j = 0;
    for (; j + kStep <= cols; j += kStep) {
      GemmColumns<V::kGemmVecs>(a, a_stride, b + j, b_stride, c + j, c_stride, rows, depth);
    }
    for (; j < cols; j += 16) {
      GemmColumns<1>(a, a_stride, b + j, b_stride, c + j, c_stride, rows, depth);
    }
  }

  /// `dim` values of rows [begin, begin + count) of one KV head as float32, padded to 64 rows of
  /// zeros.
  static void LoadRows(const AttentionTile& args, const void* const* blocks, int64_t dim,
                       int64_t begin, int64_t count, int64_t padded, float* out) {
    for (int64_t i = 0; i < count; ++i, out += padded) {
      const int64_t position = begin + i;
      const void* block = blocks[position / args.block_size];
      const int64_t at = position % args.block_size * args.row_values + args.head_offset;
      for (int64_t d = 0; d < dim; d += 16) {
        const int n = dim - d < 16 ? static_cast<int>(dim - d) : 16;
        V::Store(out + d, LoadValues(args.type, block, at + d, n));
      }
    }
    for (int64_t i = 0; i < (kTilePositions - count) * padded; ++i) out[i] = 0;
  }

  static F LoadValues(ElementType type, const void* block, int64_t at, int n) {
    if (type == ElementType::kF32) {
      const float* p = static_cast<const float*>(block) + at;
      return n == 16 ? V::Load(p) : V::LoadPartial(p, n);
    }
    const uint16_t* p = static_cast<const uint16_t*>(block) + at;
    if (n == 16) return V::FromHalf(p);
    uint16_t rest[16] = {};
    for (int i = 0; i < n; ++i) rest[i] = p[i];
    return V::FromHalf(rest);
  }

  /// Scores of row i become exp(score - running maximum); earlier sums and outputs are rescaled.
  static void SoftmaxStep(const Scratch& s, int64_t i, int64_t visible) {
    float* score = s.scores + i * kTilePositions;
    for (int64_t j = visible; j < kTilePositions; ++j) score[j] = -__builtin_inff();
    F best = V::Load(score);
    for (int j = 16; j < kTilePositions; j += 16) best = V::Max(best, V::Load(score + j));
    const float tile_max = V::MaxOf(best);
    const float max = tile_max > s.max[i] ? tile_max : s.max[i];
    const F shift = V::Set(max);
    F sum = V::Zero();
    for (int j = 0; j < kTilePositions; j += 16) {
      const F p = Exp<V>(V::Sub(V::Load(score + j), shift));
      V::Store(score + j, p);
    }
    for (int64_t j = visible; j < kTilePositions; ++j) score[j] = 0;
    for (int j = 0; j < kTilePositions; j += 16) sum = V::Add(sum, V::Load(score + j));
    // The first tile finds a maximum of -inf, where Exp gives a harmless 2^-126.
    const F decay = Exp<V>(V::Set(s.max[i] - max));
    s.max[i] = max;
    alignas(64) float lanes[16];
    V::Store(lanes, decay);
    s.sum[i] = s.sum[i] * lanes[0] + V::Sum(sum);
    float* out = s.outputs + i * s.padded;
    for (int64_t d = 0; d < s.value_padded; d += 16) {
      V::Store(out + d, V::Mul(V::Load(out + d), decay));
    }
  }

  static void Tile(const AttentionTile& args) {
    const Scratch s = Carve(args);
    const int64_t num = args.num_queries;
    for (int64_t i = 0; i < num; ++i) {
      float* q = s.queries + i * s.padded;
      for (int64_t d = 0; d < s.padded; ++d) {
        q[d] = d < args.key_dim ? args.queries[i][d] * args.scale : 0.0f;
        s.outputs[i * s.padded + d] = 0;
      }
      s.max[i] = -__builtin_inff();
      s.sum[i] = 0;
    }
    const int64_t positions = args.visible[num - 1];
    int64_t first = 0;  // queries before it have seen everything they may
    for (int64_t begin = 0; begin < positions; begin += kTilePositions) {
      const int64_t count =
          positions - begin < kTilePositions ? positions - begin : kTilePositions;
      while (args.visible[first] <= begin) ++first;
      LoadRows(args, args.key_blocks, args.key_dim, begin, count, s.padded, s.values);
      for (int64_t d = 0; d < s.padded; d += 16) {
        for (int64_t p = 0; p < kTilePositions; p += 16) {
          V::Transpose(s.values + p * s.padded + d, s.padded, s.keys + d * kTilePositions + p,
                       kTilePositions);
        }
      }
      if (args.value_blocks != nullptr) {
        LoadRows(args, args.value_blocks, args.value_dim, begin, count, s.padded, s.values);
      }
      float* scores = s.scores + first * kTilePositions;
      for (int64_t i = 0; i < (num - first) * kTilePositions; ++i) scores[i] = 0;
      Gemm(s.queries + first * s.padded, s.padded, s.keys, kTilePositions, scores, kTilePositions,
           num - first, kTilePositions, s.padded);
      for (int64_t i = first; i < num; ++i) {
        const int64_t seen = args.visible[i] - begin;
        SoftmaxStep(s, i, seen < kTilePositions ? seen : kTilePositions);
      }
      Gemm(scores, kTilePositions, s.values, s.padded, s.outputs + first * s.padded, s.padded,
           num - first, s.value_padded, count);
    }
    for (int64_t i = 0; i < num; ++i) {
      const float inverse = 1.0f / s.sum[i];
      for (int64_t d = 0; d < args.value_dim; ++d) {
        args.outputs[i][d] = s.outputs[i * s.padded + d] * inverse;
      }
    }
  }
};

}  // namespace hadal::inference
