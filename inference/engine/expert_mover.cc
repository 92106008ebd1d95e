#include "inference/engine/expert_mover.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/log.h"

namespace hadal::inference {
namespace {

/// Asking all ranks whether they are ready costs a decode step two messages.
constexpr absl::Duration kAskPeriod = absl::Milliseconds(20);

}  // namespace

Status ExpertMover::AfterBatch(int64_t tokens, const Tell& tell, ExpertMoves& moves) {
  tokens_ += tokens;
  if (moving_) return Settle(tell, moves);
  return tokens_ < period_ ? OkStatus() : Decide(tell, moves);
}

Status ExpertMover::Decide(const Tell& tell, ExpertMoves& moves) {
  tokens_ = 0;
  RETURN_IF_ERROR(tell(BatchMessage::SumLoads(model_)));
  ASSIGN_OR_RETURN(const auto loads, experts_.SumLoads());
  ++moves.decisions;
  moves.imbalance = moves.balanced = 1;
  for (const auto& [layer, load] : loads) {
    const ExpertPlacement& now = experts_.placement(layer);
    ASSIGN_OR_RETURN(const ExpertPlacement best, BalanceExperts(load, shape_));
    ExpertPlacement better = KeepInPlace(now, best, shape_.nodes);
    const double before = Imbalance(now, load);
    const double after = Imbalance(better, load);
    const int64_t experts = CountLoads(now, better);
    const bool worth = experts > 0 && before - after > margin_;
    moves.imbalance = std::max(moves.imbalance, before);
    moves.balanced = std::max(moves.balanced, worth ? after : before);
    if (worth) planned_.push_back({layer, std::move(better), experts});
  }
  if (!planned_.empty()) {
    LogInfo("moving experts of {} layers: the most loaded rank has {:.2f} of the mean, {:.2f} then",
            planned_.size(), moves.imbalance, moves.balanced);
  }
  return BeginNext(tell);
}

Status ExpertMover::BeginNext(const Tell& tell) {
  moving_ = !planned_.empty();
  if (!moving_) return OkStatus();
  const Planned& next = planned_.front();
  RETURN_IF_ERROR(tell(BatchMessage::Move(model_, next.layer, next.placement)));
  return experts_.BeginMove(next.layer, next.placement);
}

Status ExpertMover::Settle(const Tell& tell, ExpertMoves& moves) {
  if (!experts_.LoadedHere() || absl::Now() < ask_again_) return OkStatus();
  ask_again_ = absl::Now() + kAskPeriod;
  RETURN_IF_ERROR(tell(BatchMessage::Settle(model_)));
  ASSIGN_OR_RETURN(const PlacedExperts::MoveOutcome outcome, experts_.SettleMove());
  if (outcome.state == PlacedExperts::MoveState::kLoading) return OkStatus();
  ask_again_ = absl::InfinitePast();
  if (outcome.state == PlacedExperts::MoveState::kMoved) {
    ++moves.layers_moved;
    moves.experts_loaded += planned_.front().loads;
    planned_.pop_front();
  } else {  // the next decision tries again
    LogWarning("experts stay where they are: {}", StatusMessage(outcome.error));
    ++moves.failures;
    moves.last_failure = outcome.error;
    planned_.clear();
  }
  return BeginNext(tell);
}

}  // namespace hadal::inference
