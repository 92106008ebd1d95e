#pragma once

#include <memory>
#include <vector>

#include "inference/kernels/device_buffer.h"
#include "inference/kernels/packed_matrix.h"
#include "inference/model/decoder.h"
#include "inference/model/model_ranks.h"
#include "inference/moe/expert_parallel.h"
#include "inference/moe/experts.h"
#include "inference/moe/placed_experts.h"
#include "inference/moe/router.h"

namespace hadal::inference {

/// The feed-forward part of one layer: a dense MLP, or routed experts beside shared ones.
struct FeedForwardWeights {
  Expert mlp;  ///< the dense part, or the shared experts; empty when there are none
  /// [1, hidden] f32: the shared experts count by the sigmoid of its product with x (Qwen2-MoE);
  /// empty where they count in full.
  PackedMatrix shared_gate;
  PackedMatrix router;             ///< [experts, hidden] f32; empty in dense layers
  DeviceBuffer router_bias;         ///< [experts] where the router has one
  /// Empty in dense layers; all, or those of ShardPlan::placement where experts are spread, until
  /// FeedForward::Place().
  std::vector<Expert> experts;
};

/// Loads what `plan` gives this rank of layer `index`. In PackPrecision::kStored weights keep their
/// bits, those of the gates apart: they are float32.
StatusOr<FeedForwardWeights> LoadFeedForward(const Checkpoint& checkpoint, const ShardPlan& plan,
                                             int32_t index, PackPrecision precision,
                                             const Device& device);

/// Refuses a MoeConfig whose router has no choice to make. INVALID_ARGUMENT with its numbers.
Status CheckExperts(const ModelConfig& config);

/// Computes those parts, one layer after the other, with buffers kept between calls. On many ranks
/// a call is collective, also without rows where experts are spread. Thread-compatible.
class FeedForward {
 public:
  /// `ranks` outlives the object.
  FeedForward(const ModelConfig& config, const DecoderOptions& options, const ModelRanks& ranks,
              Device device);

  /// Where experts are spread, takes those of layer `index` out of `weights`, so that they can
  /// move; the ones that come later are read from `checkpoint`, which outlives the object.
  void Place(const Checkpoint& checkpoint, PackPrecision precision, int32_t index,
             FeedForwardWeights& weights);
  /// Null where experts are not spread.
  PlacedExperts* placed_experts() { return placed_experts_.get(); }

  /// y = the feed-forward part of x, which is normed, summed over the ranks. x, y [rows, hidden]
  /// f32. Routed experts are shown to DecoderOptions::trace. Errors are those of Communicator.
  Status Run(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x, MatrixView y);

 private:
  void RunMlp(const Expert& mlp, ConstMatrixView x, MatrixView y);
  void GateShared(const PackedMatrix& gate, ConstMatrixView x, MatrixView y);
  void RouteRows(const FeedForwardWeights& weights, int32_t index, ConstMatrixView x);
  Status RunSpreadExperts(int32_t index, ConstMatrixView x, MatrixView y);

  const MoeConfig moe_;
  const ModelRanks& ranks_;
  const Device device_;
  DecoderTrace* const trace_;
  Communicator* const world_;
  ExpertRunner experts_;
  ExpertParallel spread_experts_;
  std::unique_ptr<PlacedExperts> placed_experts_;
  Routing routing_;
  Routing own_routing_;                       ///< of the rows that are this rank's to dispatch
  DeviceBuffer gate_, up_;              // [rows, width of the MLP]
  DeviceBuffer logits_, shared_logit_;  // [rows, experts], [rows, 1]
};

}  // namespace hadal::inference
