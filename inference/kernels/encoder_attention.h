#pragma once

#include "absl/types/span.h"
#include "inference/kernels/attention.h"
#include "inference/kernels/device.h"
#include "inference/tensor/matrix_view.h"

namespace hadal::inference {

/// BidirectionalAttention in whole numbers, for encoders with quantised weights: q, k, v and the
/// softmax are rounded to int8 as MatMul rounds its inputs (I-BERT, arXiv:2101.01321, with blocks).
/// Scales belong to a row's 32 columns of q and k, to 32 positions of a column of v, and to a
/// query's 32 positions; the denominator is the sum of what was not rounded. num_kv_heads is
/// num_heads, head_dim a multiple of 32, value_dim unset (CHECK). A row's result depends on its
/// slice only, bit for bit, whatever the batch, the threads and the instruction set. Thread-safe.
void RoundedBidirectionalAttention(const Device& device, const AttentionShape& shape,
                                   ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                                   absl::Span<const BidirectionalSlice> slices, MatrixView out);

}  // namespace hadal::inference
