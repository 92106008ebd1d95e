#pragma once

#include <cstdint>
#include <vector>

#include "inference/comm/communicator.h"
#include "inference/moe/experts.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// The routed experts of a layer when they lie on many ranks: tokens travel to their experts and
/// their outputs back, by all-to-all between permute and combine (DeepSeek-V3, arXiv:2412.19437
/// §3.2). Thread-compatible; every call is collective over `ranks`.
class ExpertParallel {
 public:
  /// `ranks` outlives the object; null where no expert is ever far.
  ExpertParallel(Device device, Communicator* ranks)
      : runner_(std::move(device)), ranks_(ranks) {}

  /// y += sum over a token's experts of weight * expert(x), bit for bit as ExpertRunner::Run does
  /// with all experts here, wherever they are. `experts` are those `placement` gives this rank, in
  /// that order. x, y [rows, hidden]: rows of this rank alone, may be none. UNAVAILABLE names a
  /// rank that is dead or stuck; INTERNAL when another rank's counts cannot be.
  Status Run(absl::Span<const Expert> experts, const ExpertPlacement& placement,
             const Routing& routing, ConstMatrixView x, MatrixView y);

 private:
  void ChooseRanks(const ExpertPlacement& placement);
  void Permute(const Routing& routing, ConstMatrixView x);
  Status ExchangeCounts(size_t num_experts);
  Status Dispatch(absl::Span<const Expert> experts, int64_t hidden);
  Status Return(int64_t hidden);

  ExpertRunner runner_;
  Communicator* const ranks_;
  std::vector<int64_t> first_slot_;  ///< [ranks + 1]: a slot is one expert on one rank
  std::vector<size_t> replicas_;     ///< [experts]; scratch of ChooseRanks()
  std::vector<int32_t> slot_of_;     ///< [experts]: the slot that this rank's tokens go to
  std::vector<int64_t> first_row_;   ///< [slots + 1]: rows for a slot, in order of slots
  std::vector<int64_t> row_of_;      ///< [tokens * top_k]: where a token's k-th row went
  std::vector<int32_t> send_counts_, receive_counts_;      ///< [slots], [ranks, experts here]
  std::vector<int64_t> send_bytes_, receive_bytes_;        ///< [ranks], of rows
  std::vector<int32_t> expert_of_row_;                     ///< of the rows received
  std::vector<float> send_, receive_, output_, returned_;  ///< rows of `hidden`
};

}  // namespace hadal::inference
