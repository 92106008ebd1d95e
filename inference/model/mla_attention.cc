#include "inference/model/mla_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "inference/kernels/norm.h"

namespace hadal::inference {
namespace {

// Of the norms on compressed queries and latents, whatever rms_norm_eps says: the published code
// makes them with the default of its RMSNorm.
constexpr float kLatentNormEps = 1e-6f;

LatentAttentionShape ShapeFor(const ModelConfig& config) {
  const float scale = config.attention_scale > 0
                          ? config.attention_scale
                          : 1.0f / std::sqrt(static_cast<float>(config.head_dim));
  return {config.num_heads, config.mla.kv_lora_rank, config.mla.qk_rope_head_dim, scale};
}

MatrixView Resized(std::vector<float>& buffer, int64_t rows, int64_t cols) {
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(rows * cols)));
  return {buffer.data(), rows, cols};
}

/// Columns [first, first + count) of a view.
MatrixView Columns(const MatrixView& view, int64_t first, int64_t count) {
  return {view.data + first, view.rows, count, view.stride};
}

}  // namespace

MlaAttention::MlaAttention(const ModelConfig& config, CpuDevice device)
    : device_(std::move(device)),
      shape_(ShapeFor(config)),
      q_lora_rank_(config.mla.q_lora_rank),
      nope_dim_(config.mla.qk_nope_head_dim),
      value_dim_(config.mla.v_head_dim) {}

void MlaAttention::Project(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope) {
  const int64_t head_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const MatrixView query = Resized(query_, x.rows, shape_.num_heads * head_dim);
  const MatrixView cached = Resized(cached_, x.rows, cached_values());
  if (q_lora_rank_ > 0) {
    const MatrixView low = Resized(low_query_, x.rows, q_lora_rank_);
    const MatMulTask tasks[] = {{&weights.q_a, nullptr, low, false},
                                {&weights.kv_a, nullptr, cached, false}};
    MatMul(device_, x, tasks);
    RmsNorm(device_, low, weights.q_a_norm.data(), kLatentNormEps, low);
    MatMul(device_, low, weights.q_b, nullptr, query);
  } else {
    const MatMulTask tasks[] = {{&weights.q_b, nullptr, query, false},
                                {&weights.kv_a, nullptr, cached, false}};
    MatMul(device_, x, tasks);
  }
  const MatrixView latent = Columns(cached, 0, shape_.latent_dim);
  RmsNorm(device_, latent, weights.kv_a_norm.data(), kLatentNormEps, latent);
  ApplyRope(device_, rope, RopeLayout::kInterleaved, 1,
            Columns(cached, shape_.latent_dim, shape_.rope_dim));
  ApplyRope(device_, rope, RopeLayout::kInterleaved, shape_.num_heads, head_dim,
            Columns(query, nope_dim_, query.cols - nope_dim_));
}

// A head's absorbed query is k_b times its unrotated part, then its rotated part as it is.
void MlaAttention::AbsorbKeys(const MlaWeights& weights, int64_t rows) {
  const int64_t head_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const MatrixView query(query_.data(), rows, shape_.num_heads * head_dim);
  const MatrixView absorbed = Resized(absorbed_, rows, int64_t{shape_.num_heads} * cached_values());
  tasks_.clear();
  for (int64_t h = 0; h < shape_.num_heads; ++h) {
    tasks_.push_back({Columns(query, h * head_dim, nope_dim_),
                      {&weights.k_b[static_cast<size_t>(h)], nullptr,
                       Columns(absorbed, h * cached_values(), shape_.latent_dim), false}});
  }
  GroupedMatMul(device_, tasks_);
  device_.pool().ParallelFor(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t h = 0; h < shape_.num_heads; ++h) {
        std::memcpy(absorbed.row(r) + h * cached_values() + shape_.latent_dim,
                    query.row(r) + h * head_dim + nope_dim_,
                    static_cast<size_t>(shape_.rope_dim) * sizeof(float));
      }
    }
  });
}

void MlaAttention::ExpandValues(const MlaWeights& weights, int64_t rows) {
  const MatrixView attended(attended_.data(), rows, int64_t{shape_.num_heads} * shape_.latent_dim);
  const MatrixView values = Resized(values_, rows, int64_t{shape_.num_heads} * value_dim_);
  tasks_.clear();
  for (int64_t h = 0; h < shape_.num_heads; ++h) {
    tasks_.push_back({Columns(attended, h * shape_.latent_dim, shape_.latent_dim),
                      {&weights.v_b[static_cast<size_t>(h)], nullptr,
                       Columns(values, h * value_dim_, value_dim_), false}});
  }
  GroupedMatMul(device_, tasks_);
}

void MlaAttention::Run(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope,
                       const LayerKv& kv, MatrixView out) {
  const int64_t rows = x.rows;
  Project(weights, x, rope);
  StoreRows(device_, ConstMatrixView(cached_.data(), rows, cached_values()), kv.type, kv.key_rows);
  AbsorbKeys(weights, rows);
  const MatrixView attended =
      Resized(attended_, rows, int64_t{shape_.num_heads} * shape_.latent_dim);
  CausalLatentAttention(
      device_, shape_,
      ConstMatrixView(absorbed_.data(), rows, int64_t{shape_.num_heads} * cached_values()),
      kv.slices, attended);
  ExpandValues(weights, rows);
  MatMul(device_, ConstMatrixView(values_.data(), rows, int64_t{shape_.num_heads} * value_dim_),
         weights.o, nullptr, out);
}

}  // namespace hadal::inference
