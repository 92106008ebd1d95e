#include "inference/model/mla_attention.h"

#include <cmath>
#include <utility>

#include "inference/kernels/copy.h"
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

/// Columns [first, first + count) of a view.
MatrixView Columns(const MatrixView& view, int64_t first, int64_t count) {
  return {view.data + first, view.rows, count, view.stride};
}

}  // namespace

MlaAttention::MlaAttention(const ModelConfig& config, Device device)
    : device_(std::move(device)),
      shape_(ShapeFor(config)),
      q_lora_rank_(config.mla.q_lora_rank),
      nope_dim_(config.mla.qk_nope_head_dim),
      value_dim_(config.mla.v_head_dim),
      expanded_(shape_, nope_dim_, value_dim_, device_) {}

void MlaAttention::Project(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope) {
  const int64_t head_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const MatrixView query = query_.Reserve(device_, x.rows, shape_.num_heads * head_dim);
  const MatrixView cached = cached_.Reserve(device_, x.rows, cached_values());
  if (q_lora_rank_ > 0) {
    const MatrixView low = low_query_.Reserve(device_, x.rows, q_lora_rank_);
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

// The rows of each form; neighbours that are absorbed make one run.
void MlaAttention::SplitSlices(const LayerKv& kv, absl::Span<const int32_t> expanded_rows) {
  runs_.clear();
  absorbed_slices_.clear();
  expanded_slices_.clear();
  absorbed_rows_ = 0;
  for (size_t i = 0; i < kv.slices.size(); ++i) {
    CausalSlice slice = kv.slices[i];
    const int32_t expanded = expanded_rows[i];
    if (expanded > 0) {
      expanded_slices_.push_back(slice);
      expanded_slices_.back().num_rows = expanded;
    }
    const int32_t count = slice.num_rows - expanded;
    if (count == 0) continue;
    const int64_t first = slice.first_row + expanded;
    if (runs_.empty() || runs_.back().first_row + runs_.back().count != first) {
      runs_.push_back({first, absorbed_rows_, 0});
    }
    runs_.back().count += count;
    slice.first_row = absorbed_rows_;
    slice.position += expanded;
    slice.num_rows = count;
    absorbed_slices_.push_back(slice);
    absorbed_rows_ += count;
  }
}

// A head's absorbed query is k_b times its unrotated part, then its rotated part as it is.
void MlaAttention::AbsorbKeys(const MlaWeights& weights, ConstMatrixView query) {
  const int64_t head_dim = int64_t{nope_dim_} + shape_.rope_dim;
  const MatrixView absorbed =
      absorbed_.Reserve(device_, absorbed_rows_, int64_t{shape_.num_heads} * cached_values());
  tasks_.clear();
  for (const AbsorbedRun& run : runs_) {
    for (int64_t h = 0; h < shape_.num_heads; ++h) {
      tasks_.push_back(
          {ConstMatrixView(query.row(run.first_row) + h * head_dim, run.count, nope_dim_,
                           query.stride),
           {&weights.k_b[static_cast<size_t>(h)], nullptr,
            MatrixView(absorbed.row(run.first_absorbed) + h * cached_values(), run.count,
                       shape_.latent_dim, absorbed.stride),
            false}});
    }
  }
  GroupedMatMul(device_, tasks_);
  for (const AbsorbedRun& run : runs_) {
    CopyPieces(device_,
               ConstMatrixView(query.row(run.first_row) + nope_dim_, run.count, query.cols,
                               query.stride),
               head_dim,
               MatrixView(absorbed.row(run.first_absorbed) + shape_.latent_dim, run.count,
                          absorbed.cols, absorbed.stride),
               cached_values(), shape_.num_heads, shape_.rope_dim);
  }
}

void MlaAttention::ExpandValues(const MlaWeights& weights, MatrixView values) {
  const ConstMatrixView attended(attended_.data(), absorbed_rows_,
                            int64_t{shape_.num_heads} * shape_.latent_dim);
  tasks_.clear();
  for (const AbsorbedRun& run : runs_) {
    for (int64_t h = 0; h < shape_.num_heads; ++h) {
      tasks_.push_back(
          {ConstMatrixView(attended.row(run.first_absorbed) + h * shape_.latent_dim, run.count,
                           shape_.latent_dim, attended.stride),
           {&weights.v_b[static_cast<size_t>(h)], nullptr,
            MatrixView(values.row(run.first_row) + h * value_dim_, run.count, value_dim_,
                       values.stride),
            false}});
    }
  }
  GroupedMatMul(device_, tasks_);
}

void MlaAttention::Run(const MlaWeights& weights, ConstMatrixView x, const RopeTable& rope,
                       const LayerKv& kv, absl::Span<const int32_t> expanded_rows,
                       MatrixView out) {
  const int64_t rows = x.rows;
  const int64_t heads = shape_.num_heads;
  Project(weights, x, rope);
  StoreRows(device_, ConstMatrixView(cached_.data(), rows, cached_values()), kv.key_row,
            kv.key_rows);
  SplitSlices(kv, expanded_rows);
  const ConstMatrixView query(query_.data(), rows, heads * (nope_dim_ + shape_.rope_dim));
  const MatrixView values = values_.Reserve(device_, rows, heads * value_dim_);
  AbsorbKeys(weights, query);
  const MatrixView attended = attended_.Reserve(device_, absorbed_rows_, heads * shape_.latent_dim);
  CausalLatentAttention(
      device_, shape_, ConstMatrixView(absorbed_.data(), absorbed_rows_, heads * cached_values()),
      absorbed_slices_, attended);
  ExpandValues(weights, values);
  for (const CausalSlice& slice : expanded_slices_) expanded_.Run(weights, slice, query, values);
  MatMul(device_, values, weights.o, nullptr, out);
}

}  // namespace hadal::inference
