#include "inference/kernels/encoder_attention.h"

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/cpu/packed_layout.h"
#include "inference/kernels/kept_memory.h"

namespace hadal::inference {

void RoundedBidirectionalAttention(const Device& device, const AttentionShape& shape,
                                   ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                                   absl::Span<const BidirectionalSlice> slices, MatrixView out) {
  const int64_t dim = shape.head_dim;
  const int64_t cols = shape.num_heads * dim;
  CHECK(shape.num_kv_heads == shape.num_heads && shape.value_dim == 0 && dim % kBlockCols == 0);
  CHECK(q.cols == cols && k.cols == cols && v.cols == cols && out.cols == cols);
  CHECK(k.rows == q.rows && v.rows == q.rows && out.rows == q.rows && v.stride == k.stride);
  for (const BidirectionalSlice& slice : slices) {
    CHECK(slice.first_row >= 0 && slice.num_rows > 0 && slice.first_row + slice.num_rows <= q.rows);
  }
  // A head of a slice is a unit of work: its K and V are rounded once for all queries.
  const int64_t units = std::ssize(slices) * shape.num_heads;
  device.cpu().pool().ParallelFor(units, 1, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const BidirectionalSlice& slice = slices[static_cast<size_t>(unit / shape.num_heads)];
      const int64_t at = unit % shape.num_heads * dim;
      EncoderAttention args = {};
      args.q = q.row(slice.first_row) + at;
      args.k = k.row(slice.first_row) + at;
      args.v = v.row(slice.first_row) + at;
      args.out = out.row(slice.first_row) + at;
      args.q_stride = q.stride;
      args.kv_stride = k.stride;
      args.out_stride = out.stride;
      args.num_rows = slice.num_rows;
      args.head_dim = dim;
      args.scale = shape.scale;
      thread_local KeptMemory scratch;
      args.scratch = scratch.Reserve<uint8_t>(64 * EncoderAttentionScratchLines(args));
      device.cpu().kernels().encoder_attention->head(args);
    }
  });
}

}  // namespace hadal::inference
