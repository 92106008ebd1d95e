#pragma once

#include <vector>

#include "inference/kernels/attention.h"
#include "inference/kernels/cpu_device.h"
#include "inference/kernels/matmul.h"
#include "inference/kernels/rope.h"
#include "inference/model/batch_plan.h"
#include "inference/model/deepseek_weights.h"

namespace hadal::inference {

/// Multi-head latent attention with absorbed weights (DeepSeek-V2, arXiv:2405.04434 §2.1): a
/// token's cache row is its normed latent and one rotated key; k_b goes into the query, v_b into
/// the output, so that all heads attend to the cache as it is. Keeps its buffers between calls and
/// layers. Thread-compatible.
class MlaAttention {
 public:
  MlaAttention(const ModelConfig& config, CpuDevice device);

  /// Values a token has in the cache, per layer.
  int32_t cached_values() const { return shape_.latent_dim + shape_.rope_dim; }

  /// out = attention of the rows of x [rows, hidden], already normed; out [rows, hidden]. Stores
  /// the rows' cache rows first. `rope` holds the rows' positions.
  void Run(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope, const LayerKv& kv,
           MatrixView out);

 private:
  void Project(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope);
  void AbsorbKeys(const MlaWeights& weights, int64_t rows);
  void ExpandValues(const MlaWeights& weights, int64_t rows);

  const CpuDevice device_;
  const LatentAttentionShape shape_;
  const int32_t q_lora_rank_;
  const int32_t nope_dim_;
  const int32_t value_dim_;
  std::vector<float> low_query_;  // [rows, q_lora_rank]
  std::vector<float> query_;      // [rows, heads * (nope + rope)]
  std::vector<float> cached_;     // [rows, latent + rope]
  std::vector<float> absorbed_;   // [rows, heads * (latent + rope)]
  std::vector<float> attended_;   // [rows, heads * latent]
  std::vector<float> values_;     // [rows, heads * v_head_dim]
  std::vector<GroupedMatMulTask> tasks_;
};

}  // namespace hadal::inference
