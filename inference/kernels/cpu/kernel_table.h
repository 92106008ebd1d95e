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

/// Up to so many rows of x, weights are unpacked in registers, else pieces of them into a panel.
inline constexpr int64_t kDirectRows = 16;

/// y[m][16 * g + n] for the rows m of x and the groups g of one weight matrix.
///
/// The rounded rows of x lie as the tiles read them: pieces of kPanelCols columns one behind the
/// other; in a piece, bundles of `bundle_rows` rows (the last may have fewer); in a bundle of k
/// rows, block b of row m is number b * k + m.
struct MatMulGroups {
  ElementType type;
  const uint8_t* groups;  ///< first group
  int64_t group_bytes;
  int32_t num_groups;     ///< at most kMaxPanelGroups
  int32_t last_rows;      ///< rows of the last group that exist, 1..16
  int64_t cols;
  const ActivationBlock* blocks;  ///< for quantised weights; readable kMaxBundleRows beyond the end
  int64_t bundle_rows;
  const float* x;                 ///< [num_rows, x_stride], for float weights
  int64_t x_stride;
  int64_t num_rows;
  const float* bias;  ///< at the first group, or null
  float* y;           ///< at the first group
  int64_t y_stride;
  bool accumulate;
  uint8_t* panel;     ///< scratch of kPanelBytes, with more than kDirectRows rows
  float* sums;        ///< scratch of kSumFloats, likewise
};
inline constexpr int32_t kMaxPanelGroups = 4;
inline constexpr int64_t kMaxBundleRows = 16;

/// `rows` cut into as few tiles of at most `most` as can be, all but the last of this size.
constexpr int64_t EvenTile(int64_t rows, int64_t most) {
  const int64_t tiles = (rows + most - 1) / most;
  return (rows + tiles - 1) / tiles;
}

/// Columns of a panel, and the groups it holds side by side: beside the rows of x that meet it, it
/// stays in the first-level cache.
inline constexpr int64_t kPanelCols = 512;
inline constexpr int64_t kFloatPanelCols = 128;
inline constexpr int64_t kPanelGroups = 2;
/// Rows of x that meet one panel after another: their piece of x stays in the second-level cache.
inline constexpr int64_t kPassRows = 560;
/// Per block 8 steps and at most two scales or a scale and a minimum; per float column 16 weights.
inline constexpr int64_t kPanelBytes = kPanelGroups * (kPanelCols / 32) * (512 + 128);
static_assert(kPanelGroups * kFloatPanelCols * 64 <= kPanelBytes);
/// Sums of a pass between one panel and the next; a last tile may reach beyond its rows.
inline constexpr int64_t kSumFloats = (kPassRows + kMaxBundleRows) * kMaxPanelGroups * 16;

/// Columns of x that share a scale beside an Int8Matrix, value = scale * q, and how many such
/// chunks of a weight row share one. (A vector of e5-small is 4e-4 off so, by the cosine; 2e-4 with
/// blocks of 32 for both, 7e-4 with 128 for x, which is tiles of AMX twice as deep.)
inline constexpr int64_t kInt8ChunkCols = 64;
inline constexpr int64_t kInt8WeightChunks = 6;
/// Rows that a kernel reads at once, whether they exist or not.
inline constexpr int64_t kInt8TileRows = 32;

struct Int8Scale {
  float scale;
  int32_t start;  ///< -128 * sum(q): begins a dot product with weights that have 128 added
};

/// y[m][16 * g + n] for the rows m of x and the groups g of one Int8Matrix.
struct Int8Groups {
  const int8_t* x;          ///< [num_rows, cols], readable kInt8TileRows beyond the end
  const Int8Scale* scales;  ///< [num_rows, chunks], likewise
  int64_t chunks;
  int64_t num_rows;
  int64_t cols;             ///< a multiple of 64
  const uint8_t* groups;    ///< first group
  const float* weight_scales;  ///< at the first group: [num_groups, weight_parts(), 16]
  int32_t num_groups;
  int32_t last_rows;        ///< rows of the last group that exist, 1..16
  const float* bias;        ///< at the first group, or null
  float* y;                 ///< at the first group
  int64_t y_stride;
  bool accumulate;

  constexpr int64_t weight_parts() const {
    return (chunks + kInt8WeightChunks - 1) / kInt8WeightChunks;
  }
};

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

/// One head of one sequence of an encoder, in whole numbers (encoder_attention.h): row i of q meets
/// all rows of k and v. Pointers are at the head's columns.
struct EncoderAttention {
  const float* q;
  const float* k;
  const float* v;
  float* out;
  int64_t q_stride, kv_stride, out_stride;
  int64_t num_rows;  ///< positive
  int64_t head_dim;  ///< a multiple of 32
  float scale;
  void* scratch;     ///< 64-byte aligned, EncoderAttentionScratchLines() of 64 bytes

  constexpr int64_t padded_rows() const { return (num_rows + 31) / 32 * 32; }
};
/// K and V rounded, sixteen queries and their exponentials as panels (9 lines a block of 32
/// columns), two lines a block of positions for maxima and sums, and sixteen results.
constexpr int64_t EncoderAttentionScratchLines(const EncoderAttention& args) {
  const int64_t blocks = args.padded_rows() / 32;
  const int64_t head_blocks = args.head_dim / 32;
  return head_blocks * args.padded_rows() + blocks * args.head_dim + 9 * (head_blocks + blocks) +
         2 * blocks + args.head_dim;
}

struct MatMulPart {
  int32_t bundle_rows;  ///< that its tiles like best, at most kMaxBundleRows
  /// Block b goes to out[b * step].
  void (*quantize_row)(const float* x, int64_t cols, int64_t step, ActivationBlock* out);
  void (*groups)(const MatMulGroups& args);
};

struct Int8MatMulPart {
  int32_t weight_bias;  ///< that the weights have added to be unsigned: 0 or 128
  /// To int8, cols (a multiple of 16) in chunks.
  void (*round_row)(const float* x, int64_t cols, int8_t* out, Int8Scale* scales);
  void (*groups)(const Int8Groups& args);
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

struct EncoderAttentionPart {
  void (*head)(const EncoderAttention& args);
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
  /// logits.h; `block` is a multiple of 16.
  bool (*block_maxima)(const float* x, int64_t count, int64_t block, float* maxima);
  void (*block_exp_sums)(const float* x, int64_t count, int64_t block, float shift, float scale,
                         float* sums);
  void (*scaled_exp)(const float* x, int64_t count, float shift, float scale, float* y);
};

/// What one instruction set implements; a part is one file per instruction set.
struct KernelTable {
  const MatMulPart* matmul;
  const Int8MatMulPart* int8_matmul;
  const AttentionPart* attention;
  const EncoderAttentionPart* encoder_attention;
  const ElementwisePart* elementwise;
};

extern const MatMulPart kScalarMatMul, kAvx2MatMul, kAvx512MatMul, kAmxMatMul;
extern const Int8MatMulPart kScalarInt8MatMul, kAvx2Int8MatMul, kAvx512Int8MatMul, kAmxInt8MatMul;
extern const AttentionPart kScalarAttention, kAvx2Attention, kAvx512Attention;
extern const EncoderAttentionPart kScalarEncoderAttention, kAvx2EncoderAttention,
    kAvx512EncoderAttention, kAmxEncoderAttention;
extern const ElementwisePart kScalarElementwise, kAvx2Elementwise, kAvx512Elementwise;

}  // namespace hadal::inference
