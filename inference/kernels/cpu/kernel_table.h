#pragma once

#include <cstdint>

#include "inference/tensor/element_type.h"
#include "inference/tensor/kv_row.h"

// The seam between the ops and the kernels of one instruction set. Plain pointers and structs:
// these headers meet different target flags, so nothing here may instantiate inline library code.

namespace hadal::inference {

/// 32 activations rounded to int8: value = scale * q. One cache line, so that a row needs one
/// pointer in the inner loop. start_N begins an integer dot product with weights stored as
/// unsigned = number + N: -N * sum(q).
struct alignas(64) ActivationBlock {
  int8_t q[32];
  float scale;
  float scaled_sum;  ///< scale * sum(q)
  int32_t start_8;
  int32_t start_16;
  int32_t start_128;
  int32_t start_32[2];  ///< one per 16 values
  int32_t unused;
};
static_assert(sizeof(ActivationBlock) == 64);

/// y[m][16 * g + n] for the rows m of x and the groups g of one weight matrix.
struct MatMulGroups {
  ElementType type;
  const uint8_t* groups;  ///< first group
  int64_t group_bytes;
  int32_t num_groups;     ///< at most kMaxPanelGroups
  int32_t last_rows;      ///< rows of the last group that exist, 1..16
  int64_t cols;
  const ActivationBlock* blocks;  ///< [num_rows, cols / 32], for quantised weights
  const float* x;                 ///< [num_rows, x_stride], for float weights
  int64_t x_stride;
  int64_t num_rows;
  const float* bias;  ///< at the first group, or null
  float* y;           ///< at the first group
  int64_t y_stride;
  bool accumulate;
  uint8_t* panel;  ///< scratch of PanelBytes(cols) * num_groups
};
inline constexpr int32_t kMaxPanelGroups = 4;
/// Up to so many rows of x, weights are unpacked in registers, else once into a panel.
inline constexpr int64_t kMaxDirectRows = 4;
/// Of one group: steps, at most two scales or a scale and a minimum, per block.
constexpr int64_t PanelBytes(int64_t cols) { return cols / 32 * (512 + 128); }

/// Where the numbers of one KV head lie in the rows of the cache (tensor/kv_row.h), in bytes.
struct KvHead {
  int64_t row_bytes;     ///< from one position to the next
  int64_t value_bytes;   ///< of one number
  int64_t offset;        ///< of the head in a row
  int64_t scale_offset;  ///< from there to its first scale, of kI8
  int64_t first_part;    ///< numbers with that scale; later ones have the next
};

/// Queries against one KV head and the positions [begin, begin + kPiecePositions) of those they
/// see, [0, visible[i]): the maximum of the scores, the sum of exp(score - maximum), and that sum
/// over V. A query's result does not depend on the others. In latent attention V is the beginning
/// of K's rows: value_blocks is null.
struct AttentionPiece {
  int32_t num_queries;
  int32_t key_dim;
  int32_t value_dim;            ///< at most key_dim
  float scale;
  const float* const* queries;  ///< each key_dim values
  const int32_t* visible;       ///< positive, ascending; the last one exceeds begin
  int64_t begin;                ///< a multiple of kPiecePositions
  KvDtype dtype;
  KvHead head;
  const void* const* key_blocks;
  const void* const* value_blocks;
  int32_t block_size;           ///< positions in a block
  float* state;                 ///< result: AttentionStateFloats(); only of queries that see it
  float* scratch;               ///< 64-byte aligned, AttentionScratchFloats()
};
inline constexpr int32_t kTilePositions = 64;
inline constexpr int32_t kPiecePositions = 256;
/// Values, maxima and sums, in whole cache lines.
constexpr int64_t AttentionStateFloats(int64_t queries, int64_t value_dim) {
  return queries * ((value_dim + 15) / 16 * 16) + (2 * queries + 15) / 16 * 16;
}
/// A tile of K or V, queries, scores.
constexpr int64_t AttentionScratchFloats(int64_t queries, int64_t key_dim) {
  return (kTilePositions + queries) * ((key_dim + 15) / 16 * 16) + queries * kPiecePositions;
}

struct MatMulPart {
  void (*quantize_row)(const float* x, int64_t cols, ActivationBlock* out);
  void (*groups)(const MatMulGroups& args);
};

struct AttentionPart {
  void (*piece)(const AttentionPiece& args);
  /// Adds the piece at args.state to `total`, which holds the pieces before it.
  void (*merge)(const AttentionPiece& args, float* total);
  /// outputs[i] = value_dim results of query i, all its pieces being in `total`.
  void (*finish)(const AttentionPiece& args, float* total, float* const* outputs);
  void (*store_row)(const KvRow& row, const float* x, void* to);
  void (*load_row)(const KvHead& head, KvDtype dtype, const uint8_t* row, int64_t values,
                   float* out);
};

struct ElementwisePart {
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t cols, float* y);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps,
                     int64_t cols, float* y);
  void (*silu_mul)(const float* gate, const float* up, int64_t count, float* y);
  void (*gelu)(const float* x, int64_t count, float* y);
  void (*softmax)(const float* x, int64_t count, float* y);
  void (*add)(const float* x, int64_t count, float* y);
  void (*rope_halves)(const float* cos, const float* sin, int64_t pairs, float* x);
  void (*rope_interleaved)(const float* cos, const float* sin, int64_t pairs, float* x);
};

/// What one instruction set implements; a part is one file per instruction set.
struct KernelTable {
  const MatMulPart* matmul;
  const AttentionPart* attention;
  const ElementwisePart* elementwise;
};

extern const MatMulPart kScalarMatMul, kAvx2MatMul, kAvx512MatMul;
extern const AttentionPart kScalarAttention, kAvx2Attention, kAvx512Attention;
extern const ElementwisePart kScalarElementwise, kAvx2Elementwise, kAvx512Elementwise;

}  // namespace hadal::inference
