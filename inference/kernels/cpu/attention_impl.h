#pragma once

#include <cstdint>

#include "inference/kernels/cpu/elementwise_impl.h"
#include "inference/kernels/cpu/gemm_impl.h"
#include "inference/kernels/cpu/kernel_table.h"
#include "inference/kernels/cpu/kv_rows_impl.h"

// Attention of some queries for one instruction set V. Positions are taken in pieces of
// kPiecePositions from position 0, each with a softmax of its own; pieces are then merged in order.
// So a query sees the same pieces, and the same rounding, whatever else is in its batch and whoever
// computes which piece. A masked position adds exactly zero.

namespace hadal::inference {

template <typename V>
struct AttentionKernels {
  using F = typename V::F;
  using Rows = KvRowKernels<V>;
  using Gemm = GemmKernels<V>;

  static int64_t Padded(int64_t dim) { return (dim + 15) / 16 * 16; }

  /// AttentionPiece::state.
  struct State {
    float* values;  // [queries, padded value_dim]
    float* max;
    float* sum;
    State(float* at, int64_t queries, int64_t value_dim)
        : values(at), max(at + queries * Padded(value_dim)), sum(max + queries) {}
  };

  struct Scratch {
    float* keys;     // [padded key_dim, 64], a tile of K transposed; then [64, padded value_dim]
    float* queries;  // [queries, key_dim], scaled
    float* scores;   // [queries, kPiecePositions]
    explicit Scratch(const AttentionPiece& args)
        : keys(args.scratch),
          queries(keys + kTilePositions * Padded(args.key_dim)),
          scores(queries + args.num_queries * Padded(args.key_dim)) {}
  };

  /// Where the rows of a tile begin for one head; behind the last one it again.
  struct TileRows {
    const uint8_t* at[kTilePositions];
    int64_t count = 0;

    void Find(const AttentionPiece& args, const void* const* blocks, int64_t begin, int64_t end) {
      count = end - begin < kTilePositions ? end - begin : kTilePositions;
      int64_t block = begin / args.block_size;
      int64_t in_block = begin % args.block_size;
      for (int64_t i = 0; i < kTilePositions; ++i) {
        at[i] = static_cast<const uint8_t*>(blocks[block]) + in_block * args.head.row_bytes +
                args.head.offset;
        if (i + 1 < count && ++in_block == args.block_size) {
          in_block = 0;
          ++block;
        }
      }
    }
  };

  /// Numbers [d, d + 16) of sixteen rows from `first` on, in float32 at out + i * stride; zeros
  /// behind `dim`. Of the rows of `next` they come nearer meanwhile: long caches lie in memory.
  template <KvDtype kDtype>
  static inline __attribute__((always_inline)) void WidenChunk(const KvHead head, int64_t dim,
                                                               const TileRows& rows,
                                                               const TileRows& next, int64_t first,
                                                               int64_t d, float* out,
                                                               int64_t stride) {
    const uint8_t* const* at = rows.at + first;
    if (const int64_t byte = d * head.value_bytes; byte % 64 == 0) {
      for (int i = 0; i < 16; ++i) V::Prefetch(next.at[first + i] + byte);
    }
    if (d + 16 <= dim) {
      HADAL_UNROLL
      for (int i = 0; i < 16; ++i) {
        V::Store(out + i * stride, Rows::template Load<kDtype>(head, at[i], d, 16));
      }
    } else {
      for (int i = 0; i < 16; ++i) {
        V::Store(out + i * stride, Rows::template Load<kDtype>(head, at[i], d, dim - d));
      }
    }
  }

  /// keys[d][p] = number d of row p.
  template <KvDtype kDtype>
  static void TransposeKeys(const AttentionPiece& args, const TileRows& rows, const TileRows& next,
                            float* keys) {
    const KvHead head = args.head;
    const int64_t dim = args.key_dim;
    alignas(64) float block[16 * 16];
    for (int64_t p = 0; p < rows.count; p += 16) {
      for (int64_t d = 0; d < dim; d += 16) {
        WidenChunk<kDtype>(head, dim, rows, next, p, d, block, 16);
        V::Transpose(block, 16, keys + d * kTilePositions + p, kTilePositions);
      }
    }
  }

  /// values[p][d] = number d of row p.
  template <KvDtype kDtype>
  static void WidenValues(const AttentionPiece& args, const TileRows& rows, const TileRows& next,
                          float* values) {
    const KvHead head = args.head;
    const int64_t dim = args.value_dim;
    const int64_t stride = Padded(dim);
    for (int64_t p = 0; p < rows.count; p += 16) {
      for (int64_t d = 0; d < dim; d += 16) {
        WidenChunk<kDtype>(head, dim, rows, next, p, d, values + p * stride + d, stride);
      }
    }
  }

  /// `seen` scores become exp(score - their maximum), those behind them zero.
  static void Softmax(float* score, int64_t seen, int64_t cols, float* max, float* sum) {
    const int64_t end = Padded(seen);
    for (int64_t k = seen; k < end; ++k) score[k] = -__builtin_inff();
    F best = V::Load(score);
    for (int64_t k = 16; k < end; k += 16) best = V::Max(best, V::Load(score + k));
    *max = V::MaxOf(best);
    const F shift = V::Set(*max);
    F total = V::Zero();
    int64_t j = 0;
    for (; j + 16 <= seen; j += 16) {
      const F p = Exp<V>(V::Sub(V::Load(score + j), shift));
      V::Store(score + j, p);
      total = V::Add(total, p);
    }
    if (j < seen) {
      V::Store(score + j, Exp<V>(V::Sub(V::Load(score + j), shift)));
      for (int64_t k = seen; k < end; ++k) score[k] = 0;
      total = V::Add(total, V::Load(score + j));
    }
    *sum = V::Sum(total);
    for (int64_t k = end; k < cols; k += 16) V::Store(score + k, V::Zero());
  }

  template <KvDtype kDtype>
  static void PieceOf(const AttentionPiece& args) {
    const Scratch s(args);
    const State state(args.state, args.num_queries, args.value_dim);
    const void* const* value_blocks =
        args.value_blocks != nullptr ? args.value_blocks : args.key_blocks;
    const int64_t num = args.num_queries;
    const int64_t visible = args.visible[num - 1];
    const int64_t begin = args.begin;
    const int64_t end = visible - begin < kPiecePositions ? visible : begin + kPiecePositions;
    const int64_t cols = Padded(end - begin);
    int64_t first = 0;  // queries before it see nothing of this piece
    while (args.visible[first] <= begin) ++first;
    const F scale = V::Set(args.scale);
    for (int64_t i = first; i < num; ++i) {
      for (int64_t d = 0; d < args.key_dim; d += 16) {
        const int64_t n = args.key_dim - d;
        const float* q = args.queries[i] + d;
        const F x = n < 16 ? V::LoadPartial(q, static_cast<int>(n)) : V::Load(q);
        V::Store(s.queries + i * Padded(args.key_dim) + d, V::Mul(x, scale));
      }
    }
    TileRows tiles[2];
    tiles[0].Find(args, args.key_blocks, begin, end);
    int now = 0;
    for (int64_t at = begin; at < end; at += kTilePositions, now ^= 1) {
      const TileRows& rows = tiles[now];
      if (at + kTilePositions < end) {
        tiles[now ^ 1].Find(args, args.key_blocks, at + kTilePositions, end);
      } else {
        tiles[now ^ 1].Find(args, value_blocks, begin, end);
      }
      TransposeKeys<kDtype>(args, rows, tiles[now ^ 1], s.keys);
      Gemm::Run(
          {s.queries + first * Padded(args.key_dim), Padded(args.key_dim), s.keys, kTilePositions,
           s.scores + first * kPiecePositions + (at - begin), kPiecePositions, true},
          num - first, Padded(rows.count), args.key_dim);
    }
    for (int64_t i = first; i < num; ++i) {
      const int64_t seen = args.visible[i] < end ? args.visible[i] : end;
      Softmax(s.scores + i * kPiecePositions, seen - begin, cols, state.max + i, state.sum + i);
    }
    const int64_t value_stride = Padded(args.value_dim);
    for (int64_t at = begin; at < end; at += kTilePositions, now ^= 1) {
      const TileRows& rows = tiles[now];
      const int64_t next = at + kTilePositions;
      if (next < end) {
        tiles[now ^ 1].Find(args, value_blocks, next, end);
      } else if (next < visible) {
        tiles[now ^ 1].Find(args, args.key_blocks, next, visible);
      } else {
        tiles[now ^ 1] = rows;
      }
      WidenValues<kDtype>(args, rows, tiles[now ^ 1], s.keys);
      Gemm::Run({s.scores + first * kPiecePositions + (at - begin), kPiecePositions, s.keys,
                 value_stride, state.values + first * value_stride, value_stride, at == begin},
                num - first, value_stride, rows.count);
    }
  }

  static void Piece(const AttentionPiece& args) {
    switch (args.dtype) {
      case KvDtype::kF32:
        return PieceOf<KvDtype::kF32>(args);
      case KvDtype::kF16:
        return PieceOf<KvDtype::kF16>(args);
      case KvDtype::kBF16:
        return PieceOf<KvDtype::kBF16>(args);
      case KvDtype::kI8:
        return PieceOf<KvDtype::kI8>(args);
    }
  }

  /// The piece at `args.state` is added to `total`, which holds those before it.
  static void Merge(const AttentionPiece& args, float* total) {
    const State piece(args.state, args.num_queries, args.value_dim);
    const State sum(total, args.num_queries, args.value_dim);
    const int64_t stride = Padded(args.value_dim);
    for (int64_t i = 0; i < args.num_queries; ++i) {
      if (args.visible[i] <= args.begin) continue;
      const float max = piece.max[i] > sum.max[i] ? piece.max[i] : sum.max[i];
      const F before = Exp<V>(V::Set(sum.max[i] - max));
      const F now = Exp<V>(V::Set(piece.max[i] - max));
      alignas(64) float lanes[32];
      V::Store(lanes, before);
      V::Store(lanes + 16, now);
      sum.max[i] = max;
      sum.sum[i] = sum.sum[i] * lanes[0] + piece.sum[i] * lanes[16];
      for (int64_t d = i * stride; d < (i + 1) * stride; d += 16) {
        const F rescaled = V::Mul(V::Load(sum.values + d), before);
        V::Store(sum.values + d, V::Fma(V::Load(piece.values + d), now, rescaled));
      }
    }
  }

  /// What all pieces gave becomes the result.
  static void Finish(const AttentionPiece& args, float* total, float* const* outputs) {
    const State sum(total, args.num_queries, args.value_dim);
    for (int64_t i = 0; i < args.num_queries; ++i) {
      const F inverse = V::Set(1.0f / sum.sum[i]);
      const float* values = sum.values + i * Padded(args.value_dim);
      for (int64_t d = 0; d < args.value_dim; d += 16) {
        const int64_t n = args.value_dim - d;
        const F out = V::Mul(V::Load(values + d), inverse);
        if (n < 16) {
          V::StorePartial(outputs[i] + d, out, static_cast<int>(n));
        } else {
          V::Store(outputs[i] + d, out);
        }
      }
    }
  }
};

}  // namespace hadal::inference
