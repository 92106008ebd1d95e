#pragma once

#include <vector>

#include "inference/kernels/attention.h"
#include "inference/kernels/device_buffer.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/rope.h"
#include "inference/model/batch_plan.h"
#include "inference/model/deepseek_weights.h"
#include "inference/model/mla_expanded.h"

namespace hadal::inference {

/// Multi-head latent attention with absorbed weights (DeepSeek-V2, arXiv:2405.04434 §2.1): a
/// token's cache row is its normed latent and one rotated key; k_b goes into the query, v_b into
/// the output, so that all heads attend to the cache as it is. Rows of prompts may take the
/// expanded form instead. Keeps its buffers between calls and layers. Thread-compatible.
class MlaAttention {
 public:
  MlaAttention(const ModelConfig& config, Device device);

  /// Values a token has in the cache, per layer.
  int32_t cached_values() const { return shape_.latent_dim + shape_.rope_dim; }

  /// out = attention of the rows of x [rows, hidden], already normed; out [rows, hidden]. Stores
  /// the rows' cache rows first. `rope` holds the rows' positions. Of slice i the first
  /// expanded_rows[i] rows take the expanded form.
  void Run(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope, const LayerKv& kv,
           absl::Span<const int32_t> expanded_rows, MatrixView out);

 private:
  /// Rows of the batch that follow each other, all absorbed; first_absorbed: of absorbed_.
  struct AbsorbedRun {
    int64_t first_row, first_absorbed, count;
  };

  void Project(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope);
  void SplitSlices(const LayerKv& kv, absl::Span<const int32_t> expanded_rows);
  void AbsorbKeys(const MlaWeights& weights, ConstMatrixView query);
  void ExpandValues(const MlaWeights& weights, MatrixView values);

  const Device device_;
  const LatentAttentionShape shape_;
  const int32_t q_lora_rank_;
  const int32_t nope_dim_;
  const int32_t value_dim_;
  DeviceBuffer low_query_;  // [rows, q_lora_rank]
  DeviceBuffer query_;      // [rows, heads * (nope + rope)]
  DeviceBuffer cached_;     // [rows, latent + rope]
  DeviceBuffer absorbed_;   // [absorbed rows, heads * (latent + rope)]
  DeviceBuffer attended_;   // [absorbed rows, heads * latent]
  DeviceBuffer values_;     // [rows, heads * v_head_dim]
  std::vector<GroupedMatMulTask> tasks_;
  std::vector<AbsorbedRun> runs_;
  std::vector<CausalSlice> absorbed_slices_;  // with rows of absorbed_
  std::vector<CausalSlice> expanded_slices_;
  int64_t absorbed_rows_ = 0;
  ExpandedMlaAttention expanded_;
};

}  // namespace hadal::inference
