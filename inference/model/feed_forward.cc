#include "inference/model/feed_forward.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "inference/kernels/activation.h"
#include "inference/kernels/matmul.h"
#include "inference/model/load_weight.h"

namespace hadal::inference {
namespace {

std::vector<int32_t> ExpertsHere(const ModelConfig& config, const ShardPlan& plan, int32_t layer) {
  if (plan.spreads_experts()) {
    return plan.placement(layer).experts_of_rank[static_cast<size_t>(plan.rank())];
  }
  std::vector<int32_t> all(static_cast<size_t>(config.moe.num_experts));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// `suffix`: what follows "ffn_gate", "ffn_up" and "ffn_down" in the names of layer `index`.
StatusOr<Expert> LoadMlp(const Checkpoint& checkpoint, const ShardPlan& plan, int32_t index,
                         const std::string& suffix, int64_t width, PackPrecision precision,
                         const Device& device) {
  const int64_t hidden = checkpoint.config().hidden_dim;
  const auto matrix = [&](const char* name, int64_t rows, int64_t cols) {
    return LoadMatrix(checkpoint, plan, fmt::format("blk.{}.{}{}", index, name, suffix), rows, cols,
                      precision, device);
  };
  Expert mlp;
  ASSIGN_OR_RETURN(mlp.gate, matrix("ffn_gate", width, hidden));
  ASSIGN_OR_RETURN(mlp.up, matrix("ffn_up", width, hidden));
  ASSIGN_OR_RETURN(mlp.down, matrix("ffn_down", hidden, width));
  return mlp;
}

StatusOr<Expert> LoadExpert(const Checkpoint& checkpoint, const ShardPlan& plan, int32_t index,
                            int32_t expert, PackPrecision precision, const Device& device) {
  return LoadMlp(checkpoint, plan, index, fmt::format(".{}.weight", expert),
                 checkpoint.config().moe.expert_ffn_dim, precision, device);
}

}  // namespace

StatusOr<FeedForwardWeights> LoadFeedForward(const Checkpoint& checkpoint, const ShardPlan& plan,
                                             int32_t index, PackPrecision precision,
                                             const Device& device) {
  const ModelConfig& config = checkpoint.config();
  const MoeConfig& moe = config.moe;
  const std::string prefix = fmt::format("blk.{}.", index);
  const auto mlp = [&](const char* suffix, int64_t width) {
    return LoadMlp(checkpoint, plan, index, suffix, width, precision, device);
  };
  const auto gate = [&](const char* name, int64_t rows) {
    return LoadMatrix(checkpoint, plan, prefix + name, rows, config.hidden_dim,
                      PackPrecision::kFloat32, device);
  };
  FeedForwardWeights weights;
  if (!config.HasExperts(index)) {
    ASSIGN_OR_RETURN(weights.mlp, mlp(".weight", config.ffn_dim));
    return weights;
  }
  ASSIGN_OR_RETURN(weights.router, gate("ffn_gate_inp.weight", moe.num_experts));
  if (moe.gate == ExpertGate::kSigmoidGroups) {
    ASSIGN_OR_RETURN(weights.router_bias,
                     LoadVector(checkpoint, plan, prefix + "exp_probs_b.bias", moe.num_experts,
                                device));
  }
  for (const int32_t e : ExpertsHere(config, plan, index)) {
    ASSIGN_OR_RETURN(weights.experts.emplace_back(),
                     LoadExpert(checkpoint, plan, index, e, precision, device));
  }
  if (moe.shared_ffn_dim > 0) {
    ASSIGN_OR_RETURN(weights.mlp, mlp("_shexp.weight", moe.shared_ffn_dim));
  }
  if (moe.gated_shared) {
    ASSIGN_OR_RETURN(weights.shared_gate, gate("ffn_gate_inp_shexp.weight", 1));
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
                         const ModelRanks& ranks, Device device)
    : moe_(config.moe),
      ranks_(ranks),
      device_(device),
      trace_(options.trace),
      world_(options.ranks),
      experts_(device),
      spread_experts_(std::move(device), options.ranks) {}

void FeedForward::Place(const Checkpoint& checkpoint, PackPrecision precision, int32_t index,
                        FeedForwardWeights& weights) {
  if (weights.router.rows() == 0 || !ranks_.plan().spreads_experts()) return;
  if (placed_experts_ == nullptr) {
    // Whole experts, and beside the decoder, whose device is busy.
    const auto load = [&checkpoint, precision, beside = device_.ForLoading()](
                          int32_t layer, int32_t expert) -> StatusOr<Expert> {
      RETURN_IF_ERROR(checkpoint.CheckFiles());
      return LoadExpert(checkpoint, ShardPlan(), layer, expert, precision, beside);
    };
    placed_experts_ = std::make_unique<PlacedExperts>(*world_, moe_.num_experts, load);
  }
  placed_experts_->Add(index, ranks_.plan().placement(index), std::move(weights.experts));
  weights.experts.clear();
}

Status FeedForward::Run(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x,
                        MatrixView y) {
  if (weights.router.rows() == 0) {
    RunMlp(weights.mlp, x, y);
    return ranks_.Sum(y);
  }
  RouteRows(weights, index, x);
  const bool shared = weights.mlp.gate.rows() > 0;
  if (!shared) std::fill_n(y.data, y.rows * y.cols, 0.0f);
  if (placed_experts_ != nullptr) {
    if (shared) RunMlp(weights.mlp, x, y);
    GateShared(weights.shared_gate, x, y);
    return RunSpreadExperts(index, x, y);
  }
  experts_.Compute(weights.experts, shared ? &weights.mlp : nullptr, routing_, x, y);
  GateShared(weights.shared_gate, x, y);
  experts_.AddOutputs(routing_, y);
  return ranks_.Sum(y);
}

void FeedForward::RunMlp(const Expert& mlp, ConstMatrixView x, MatrixView y) {
  const MatrixView gate = gate_.Reserve(device_, x.rows, mlp.gate.rows());
  const MatrixView up = up_.Reserve(device_, x.rows, mlp.up.rows());
  const MatMulTask tasks[] = {{&mlp.gate, nullptr, gate, false}, {&mlp.up, nullptr, up, false}};
  MatMul(device_, x, tasks);
  const GroupedMatMulTask down = {gate, {&mlp.down, nullptr, y, false}, up.data};
  GroupedMatMul(device_, absl::MakeConstSpan(&down, 1));
}

// y *= sigmoid(gate * x), a number a row, where there is a gate. y may be a rank's part of a sum.
void FeedForward::GateShared(const PackedMatrix& gate, ConstMatrixView x, MatrixView y) {
  if (gate.rows() == 0) return;
  const MatrixView logit = shared_logit_.Reserve(device_, x.rows, 1);
  MatMul(device_, x, gate, nullptr, logit);
  ScaleBySigmoid(device_, logit, y);
}

void FeedForward::RouteRows(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x) {
  const MatrixView logits = logits_.Reserve(device_, x.rows, moe_.num_experts);
  MatMul(device_, x, weights.router, nullptr, logits);
  Route(device_, moe_, logits, weights.router_bias.data(), &routing_);
  if (trace_ != nullptr && x.rows > 0) {
    trace_->OnRouting(index, logits, routing_.experts, routing_.weights);
  }
}

// Ranks of one group have the same rows; each sends its part of them to the experts and gives the
// results to the others. y holds partial sums of the shared experts.
Status FeedForward::RunSpreadExperts(int32_t index, ConstMatrixView x, MatrixView y) {
  RETURN_IF_ERROR(ranks_.SumOwnRows(y));
  const ShardRange own = ranks_.OwnRows(x.rows);
  own_routing_ = routing_.Rows(own.begin, own.end);
  placed_experts_->Count(index, own_routing_.experts);
  RETURN_IF_ERROR(spread_experts_.Run(placed_experts_->experts(index),
                                      placed_experts_->placement(index), own_routing_,
                                      ConstMatrixView(x.row(own.begin), own.count(), x.cols),
                                      MatrixView(y.row(own.begin), own.count(), y.cols)));
  return ranks_.GatherRows(y);
}

}  // namespace hadal::inference
