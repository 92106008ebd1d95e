#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "inference/kernels/device.h"
#include "inference/tensor/kv_row.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

struct AttentionShape {
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;  ///< divides num_heads; head h reads KV head h / (heads / kv heads)
  int32_t head_dim = 0;      ///< at most kMaxHeadDim
  float scale = 0;           ///< on the dot products, usually head_dim^-0.5
  /// Of a head of V, at most head_dim; V's heads lie head_dim apart, as K's do. 0: head_dim.
  int32_t value_dim = 0;
};
inline constexpr int32_t kMaxHeadDim = 1024;

/// K and V of one sequence in one layer: position p is row p % block_size of block p / block_size.
/// Rows of K and of V are alike; each KV head (KvRow::OfHeads), or the latent and the rotated key
/// (KvRow::OfLatent), is a part of them.
struct PagedKv {
  absl::Span<const void* const> key_blocks;
  absl::Span<const void* const> value_blocks;
  int32_t block_size = 0;
  KvDtype dtype = KvDtype::kF16;
};

/// One sequence's rows of a batch: row first_row + i of q attends to positions
/// [0, position + i] of `kv`.
struct CausalSlice {
  int64_t first_row = 0;
  int32_t num_rows = 0;
  int32_t position = 0;
  PagedKv kv;
};

/// Causal attention over the paged cache, grouped-query heads: a softmax over each piece of 256
/// positions, pieces then merged in order (FlashAttention, arXiv:2205.14135; cut over positions as
/// in Flash-Decoding, so that few long sequences keep all threads busy). q [rows, num_heads *
/// head_dim], out [rows, num_heads * value_dim].
/// K and V of the rows themselves are already in the cache. A row's result depends on its own query
/// and cache only, whatever the batch, the chunking and the threads. Thread-safe.
void CausalAttention(const Device& device, const AttentionShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out);

/// Latent attention with absorbed weights (DeepSeek-V2, arXiv:2405.04434 §2.1.3): all heads read
/// the same row of latent_dim + rope_dim values, as key the whole and as value its first
/// latent_dim.
struct LatentAttentionShape {
  int32_t num_heads = 0;
  int32_t latent_dim = 0;  ///< latent_dim + rope_dim is at most kMaxHeadDim
  int32_t rope_dim = 0;
  float scale = 0;
};

/// As CausalAttention; `kv.key_blocks` hold the rows, `kv.value_blocks` is empty.
/// q [rows, num_heads * (latent_dim + rope_dim)], out [rows, num_heads * latent_dim].
void CausalLatentAttention(const Device& device, const LatentAttentionShape& shape,
                           ConstMatrixView q, absl::Span<const CausalSlice> slices,
                           MatrixView out);

/// Rows [first_row, first_row + num_rows) attend to each other.
struct BidirectionalSlice {
  int64_t first_row = 0;
  int32_t num_rows = 0;
};

/// Attention of an encoder: every row sees all rows of its slice. q, out [rows, heads * head_dim];
/// k, v [rows, kv heads * head_dim] f32. Slices may have different lengths: nothing is padded.
void BidirectionalAttention(const Device& device, const AttentionShape& shape,
                            ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                            absl::Span<const BidirectionalSlice> slices, MatrixView out);

/// Writes row i of x [rows, row.values], rounded as `row` says, to destination[i], row.bytes() of
/// it. A number that is not finite makes its part of an int8 row NaN.
void StoreRows(const Device& device, ConstMatrixView x, const KvRow& row,
               absl::Span<void* const> destination);

/// Row p of out [positions, latent_dim + rope_dim] = the row of position p of `kv` in float32.
void LoadLatentRows(const Device& device, const LatentAttentionShape& shape, const PagedKv& kv,
                    MatrixView out);

}  // namespace hadal::inference
