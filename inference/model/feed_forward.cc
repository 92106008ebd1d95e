#include "inference/model/feed_forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "inference/kernels/activation.h"
#include "inference/kernels/matmul.h"
#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

MatrixView Resized(std::vector<float>& buffer, int64_t rows, int64_t cols) {
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(rows * cols)));
  return {buffer.data(), rows, cols};
}

std::vector<int32_t> ExpertsHere(const ModelConfig& config, const ShardPlan& plan, int32_t layer) {
  if (plan.spreads_experts()) {
    return plan.placement(layer).experts_of_rank[static_cast<size_t>(plan.rank())];
  }
  std::vector<int32_t> all(static_cast<size_t>(config.moe.num_experts));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

StatusOr<FeedForwardWeights> LoadFeedForward(const Checkpoint& checkpoint, const ShardPlan& plan,
                                             int32_t index, PackPrecision precision,
                                             ThreadPool& pool) {
  const ModelConfig& config = checkpoint.config();
  const MoeConfig& moe = config.moe;
  const int64_t hidden = config.hidden_dim;
  const std::string prefix = fmt::format("blk.{}.", index);
  // `suffix`: what follows "ffn_gate", "ffn_up" and "ffn_down" in the names.
  const auto mlp = [&](const std::string& suffix, int64_t width, Expert* out) {
    const auto matrix = [&](const char* name, int64_t rows, int64_t cols, PackedMatrix* to) {
      ASSIGN_OR_RETURN(
          *to, LoadMatrix(checkpoint, plan, prefix + name + suffix, rows, cols, precision, pool));
      return OkStatus();
    };
    RETURN_IF_ERROR(matrix("ffn_gate", width, hidden, &out->gate));
    RETURN_IF_ERROR(matrix("ffn_up", width, hidden, &out->up));
    return matrix("ffn_down", hidden, width, &out->down);
  };
  const auto gate = [&](const char* name, int64_t rows, PackedMatrix* out) {
    ASSIGN_OR_RETURN(*out, LoadMatrix(checkpoint, plan, prefix + name, rows, hidden,
                                      PackPrecision::kFloat32, pool));
    return OkStatus();
  };
  FeedForwardWeights weights;
  if (!config.HasExperts(index)) {
    RETURN_IF_ERROR(mlp(".weight", config.ffn_dim, &weights.mlp));
    return weights;
  }
  RETURN_IF_ERROR(gate("ffn_gate_inp.weight", moe.num_experts, &weights.router));
  if (moe.gate == ExpertGate::kSigmoidGroups) {
    ASSIGN_OR_RETURN(weights.router_bias,
                     LoadVector(checkpoint, plan, prefix + "exp_probs_b.bias", moe.num_experts));
  }
  for (const int32_t e : ExpertsHere(config, plan, index)) {
    RETURN_IF_ERROR(
        mlp(fmt::format(".{}.weight", e), moe.expert_ffn_dim, &weights.experts.emplace_back()));
  }
  if (moe.shared_ffn_dim > 0) {
    RETURN_IF_ERROR(mlp("_shexp.weight", moe.shared_ffn_dim, &weights.mlp));
  }
  if (moe.gated_shared) {
    RETURN_IF_ERROR(gate("ffn_gate_inp_shexp.weight", 1, &weights.shared_gate));
  }
  return weights;
}

Status CheckExperts(const ModelConfig& config) {
  const MoeConfig& moe = config.moe;
  const bool groups_fit = moe.num_experts > 0 && moe.num_groups > 0 &&
                          moe.num_experts % moe.num_groups == 0 && moe.groups_per_token > 0 &&
                          moe.groups_per_token <= moe.num_groups;
  const int32_t choices = !groups_fit ? 0
                          : moe.gate == ExpertGate::kSoftmax
                              ? moe.num_experts
                              : moe.num_experts / moe.num_groups * moe.groups_per_token;
  if (moe.experts_per_token <= 0 || moe.experts_per_token > choices || moe.expert_ffn_dim <= 0 ||
      moe.shared_ffn_dim < 0 || moe.first_dense_layers < 0 || moe.sparse_step < 1 ||
      (moe.gated_shared && moe.shared_ffn_dim == 0)) {
    return InvalidArgument(
        "{}: expected {} of {} experts in {} of {} groups to be a choice, {} wide",
        config.architecture, moe.experts_per_token, moe.num_experts, moe.groups_per_token,
        moe.num_groups, moe.expert_ffn_dim);
  }
  return OkStatus();
}

FeedForward::FeedForward(const ModelConfig& config, const DecoderOptions& options,
                         const ModelRanks& ranks, CpuDevice device)
    : moe_(config.moe),
      ranks_(ranks),
      device_(device),
      trace_(options.trace),
      experts_(device),
      spread_experts_(std::move(device), options.ranks) {}

Status FeedForward::Run(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x,
                        MatrixView y) {
  RunMlp(weights, x, y);
  if (weights.router.rows() == 0) return ranks_.Sum(y);
  RouteRows(weights, index, x);
  if (ranks_.plan().spreads_experts()) return RunSpreadExperts(weights, index, x, y);
  experts_.Run(weights.experts, routing_, x, y);
  return ranks_.Sum(y);
}

// y = mlp(x); without one, zeros.
void FeedForward::RunMlp(const FeedForwardWeights& weights, ConstMatrixView x, MatrixView y) {
  const Expert& mlp = weights.mlp;
  if (mlp.gate.rows() == 0) {
    std::fill_n(y.data, y.rows * y.cols, 0.0f);
    return;
  }
  const MatrixView gate = Resized(gate_, x.rows, mlp.gate.rows());
  const MatrixView up = Resized(up_, x.rows, mlp.up.rows());
  const MatMulTask tasks[] = {{&mlp.gate, nullptr, gate, false}, {&mlp.up, nullptr, up, false}};
  MatMul(device_, x, tasks);
  SiluMul(device_, gate, up, gate);
  MatMul(device_, gate, mlp.down, nullptr, y);
  if (weights.shared_gate.rows() > 0) GateShared(weights.shared_gate, x, y);
}

// y *= sigmoid(gate * x), a number a row. y may be a rank's part of a sum.
void FeedForward::GateShared(const PackedMatrix& gate, ConstMatrixView x, MatrixView y) {
  const MatrixView logit = Resized(shared_logit_, x.rows, 1);
  MatMul(device_, x, gate, nullptr, logit);
  device_.pool().ParallelFor(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float share = 1.0f / (1.0f + std::exp(-*logit.row(r)));
      float* row = y.row(r);
      for (int64_t c = 0; c < y.cols; ++c) row[c] *= share;
    }
  });
}

void FeedForward::RouteRows(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x) {
  const MatrixView logits = Resized(logits_, x.rows, moe_.num_experts);
  MatMul(device_, x, weights.router, nullptr, logits);
  Route(device_, moe_, logits, weights.router_bias.empty() ? nullptr : weights.router_bias.data(),
        &routing_);
  if (trace_ != nullptr && x.rows > 0) {
    trace_->OnRouting(index, logits, routing_.experts, routing_.weights);
  }
}

// Ranks of one group have the same rows; each sends its part of them to the experts and gives the
// results to the others. y holds partial sums of the shared experts.
Status FeedForward::RunSpreadExperts(const FeedForwardWeights& weights, int32_t index,
                                     ConstMatrixView x, MatrixView y) {
  RETURN_IF_ERROR(ranks_.SumOwnRows(y));
  const ShardRange own = ranks_.OwnRows(x.rows);
  const auto slice = [&](const auto& all) {
    return std::decay_t<decltype(all)>(all.begin() + own.begin * routing_.top_k,
                                       all.begin() + own.end * routing_.top_k);
  };
  own_routing_ = {routing_.top_k, slice(routing_.experts), slice(routing_.weights)};
  RETURN_IF_ERROR(spread_experts_.Run(weights.experts, ranks_.plan().placement(index), own_routing_,
                                      ConstMatrixView(x.row(own.begin), own.count(), x.cols),
                                      MatrixView(y.row(own.begin), own.count(), y.cols)));
  return ranks_.GatherRows(y);
}

}  // namespace hadal::inference
