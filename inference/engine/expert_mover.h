#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "absl/time/time.h"
#include "base/status.h"
#include "inference/engine/batch_message.h"
#include "inference/moe/placed_experts.h"
#include "inference/moe/placement.h"
#include "inference/rank_group.h"

namespace hadal::inference {

/// The leader's part in moving the experts of one model to where its load wants them. Asks for the
/// load every so many tokens, and moves, one layer after the other, those that gain by it: so a
/// rank keeps at most the experts of one layer twice. Everything is said and done between two
/// batches; only loading goes on behind them. Thread-compatible.
class ExpertMover {
 public:
  /// Says something to the followers, which do it while the leader does.
  using Tell = std::function<Status(const BatchMessage&)>;

  /// `experts`, those of the leader, outlive the object.
  ExpertMover(int32_t model, PlacedExperts& experts, const PlacementOptions& shape,
              const RankGroupOptions& options)
      : model_(model),
        experts_(experts),
        shape_(shape),
        period_(options.rebalance_tokens),
        margin_(options.rebalance_margin) {}

  /// After a batch of `tokens`; adds what happened to `moves`. Errors are those of `tell` and of
  /// Communicator.
  Status AfterBatch(int64_t tokens, const Tell& tell, ExpertMoves& moves);

 private:
  struct Planned {
    int32_t layer = 0;
    ExpertPlacement placement;
    int64_t loads = 0;  ///< CountLoads
  };

  Status Decide(const Tell& tell, ExpertMoves& moves);
  Status Settle(const Tell& tell, ExpertMoves& moves);
  Status BeginNext(const Tell& tell);

  const int32_t model_;
  PlacedExperts& experts_;
  const PlacementOptions shape_;
  const int64_t period_;
  const double margin_;
  int64_t tokens_ = 0;           ///< since the last decision
  std::deque<Planned> planned_;  ///< the first one is on its way when `moving_`
  bool moving_ = false;
  absl::Time ask_again_ = absl::InfinitePast();
};

}  // namespace hadal::inference
