#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/comm/communicator.h"
#include "inference/moe/experts.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// The routed experts of a decoder whose experts lie on many ranks: those of this rank, how often
/// each was chosen, and how they move while the decoder runs, one layer at a time. What a rank
/// lacks is loaded on a thread of its own, which lets others go first; until all ranks have it,
/// tokens go where they went before. Where experts are shows in no result (ExpertParallel).
///
/// Thread-compatible. Every rank makes the same calls between the same two batches.
class PlacedExperts {
 public:
  /// Called on the loading thread. The error names what could not be read.
  using LoadExpert = std::function<StatusOr<Expert>(int32_t layer, int32_t expert)>;

  /// `ranks` outlives the object.
  PlacedExperts(Communicator& ranks, int32_t num_experts, LoadExpert load);
  /// Gives up a move; waits for the expert that is being loaded.
  ~PlacedExperts();

  /// While loading: `experts` are those that `placement`, a valid one, gives this rank.
  void Add(int32_t layer, ExpertPlacement placement, std::vector<Expert> experts);

  const ExpertPlacement& placement(int32_t layer) const { return layers_.at(layer).placement; }
  absl::Span<const Expert> experts(int32_t layer) const { return layers_.at(layer).experts; }
  /// Counts the choices of tokens that are this rank's.
  void Count(int32_t layer, absl::Span<const int32_t> experts);

  /// By layer, how often each expert was chosen [num_experts], on all ranks. Counts are halved each
  /// time: what was long ago weighs less. Collective; errors of Communicator.
  StatusOr<std::map<int32_t, std::vector<double>>> SumLoads();

  /// Begins to load what `placement` gives this rank and it lacks. INVALID_ARGUMENT when there is
  /// no such layer or placement, FAILED_PRECONDITION while another move is going on.
  Status BeginMove(int32_t layer, ExpertPlacement placement);
  /// True when this rank has all it needs, or gave up.
  bool LoadedHere() const;
  enum class MoveState {
    kLoading,  ///< some rank is not done: ask again
    kMoved,    ///< the new placement holds
    kGivenUp,  ///< some rank could not load: the old placement holds
  };
  struct MoveOutcome {
    MoveState state = MoveState::kLoading;
    Status error;  ///< of kGivenUp, naming the rank
  };
  /// Ends the move when all ranks can; all get the same answer. Collective; errors of Communicator,
  /// FAILED_PRECONDITION without a move.
  StatusOr<MoveOutcome> SettleMove();

 private:
  struct Layer {
    ExpertPlacement placement;
    std::vector<Expert> experts;
    std::vector<int64_t> chosen;  ///< [num_experts]
  };
  struct Move;

  const std::vector<int32_t>& Mine(const ExpertPlacement& placement) const;
  void Switch(Move& move);

  Communicator& ranks_;
  const int32_t num_experts_;
  const LoadExpert load_;
  std::map<int32_t, Layer> layers_;
  std::unique_ptr<Move> move_;  ///< null: none is going on
};

}  // namespace hadal::inference
