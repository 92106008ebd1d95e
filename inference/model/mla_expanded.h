#pragma once

#include <vector>

#include "inference/kernels/attention.h"
#include "inference/kernels/device_buffer.h"
#include "inference/kernels/matmul.h"
#include "inference/model/deepseek_weights.h"

namespace hadal::inference {

/// Latent attention in the form of ordinary multi-head attention (DeepSeek-V2, arXiv:2405.04434
/// §2.1.2): K and V of every position a slice sees are made from the cached latents first. The same
/// function as the absorbed form, with other roundings; cheaper where many rows share the
/// expansion. A row's result depends on its own query and cache only. Keeps its buffers between
/// calls. Thread-compatible.
class ExpandedMlaAttention {
 public:
  /// `shape` as of the absorbed form.
  ExpandedMlaAttention(const LatentAttentionShape& shape, int32_t nope_dim, int32_t value_dim,
                       Device device);

  /// Rows of `slice` of values [rows, heads * v_head_dim] = their attention; query
  /// [rows, heads * (nope + rope)]. Their cache rows are stored already. `weights.k_up` is there.
  void Run(const MlaWeights& weights, const CausalSlice& slice, ConstMatrixView query,
           MatrixView values);

 private:
  void Expand(const MlaWeights& weights, int64_t first_head, int64_t heads, int64_t positions);

  const Device device_;
  const LatentAttentionShape shape_;
  const int32_t nope_dim_;
  const int32_t value_dim_;
  DeviceBuffer latents_;        // [positions, latent + rope]
  DeviceBuffer keys_, values_;  // [positions, some heads * (nope + rope)]
  std::vector<MatMulTask> tasks_;
};

/// Float32 values of the buffers for a sequence of so many positions.
int64_t ExpandedBufferValues(const ModelConfig& config, int64_t positions);

/// k_b of every head, transposed: what `MlaWeights::k_up` is. RESOURCE_EXHAUSTED without memory.
StatusOr<std::vector<PackedMatrix>> TransposeKeys(absl::Span<const PackedMatrix> k_b,
                                                  const Device& device);

}  // namespace hadal::inference
