#include "tests/inference/engine/rebalance.h"

#include <cstdio>
#include <thread>

#include "inference/comm/thread_ranks.h"

namespace hadal::inference::testing {
namespace {

/// Ranks as threads, each with a checkpoint of its own; `lead` is the leader's body.
void OnThreads(int32_t ranks, const RankGroupOptions& options,
               const std::vector<std::unique_ptr<SkewedCheckpoint>>& checkpoints,
               const std::function<bool(const ExpertMoves&)>& done) {
  auto comms = CreateThreadRanks(ranks, options.timeout);
  std::vector<std::thread> followers;
  for (size_t r = 1; r < comms.size(); ++r) {
    followers.emplace_back([&, r, comm = std::move(comms[r])]() mutable {
      FollowRank(*RankGroup::Over(std::move(comm), options), *checkpoints[r]);
    });
  }
  const auto group = RankGroup::Over(std::move(comms[0]), options);
  LeadRounds(*group, *checkpoints[0], done);
  for (std::thread& follower : followers) follower.join();
}

std::vector<std::unique_ptr<SkewedCheckpoint>> Checkpoints(int32_t ranks, bool skewed) {
  std::vector<std::unique_ptr<SkewedCheckpoint>> all;
  for (int32_t r = 0; r < ranks; ++r) all.push_back(std::make_unique<SkewedCheckpoint>(skewed));
  return all;
}

TEST(Rebalance, MovesManyTimesAndNoTokenChanges) {
  for (const int32_t ranks : {2, 4}) {
    SCOPED_TRACE(ranks);
    OnThreads(ranks, RestlessGroup(), Checkpoints(ranks, false), MovedOften);
  }
}

// Three experts take all tokens: of one rank of two, or of two ranks of four.
TEST(Rebalance, TheMostLoadedRankIsRelieved) {
  for (const int32_t ranks : {2, 4}) {
    SCOPED_TRACE(ranks);
    RankGroupOptions options = RestlessGroup();
    options.redundant_experts = 2;
    options.rebalance_margin = 1000;
    double before = 0, after = 0;
    OnThreads(ranks, options, Checkpoints(ranks, true), [&](const ExpertMoves& moves) {
      EXPECT_EQ(moves.layers_moved, 0);
      before = moves.imbalance;
      return true;
    });
    EXPECT_GT(before, 1.9);
    options.rebalance_margin = 0.1;
    OnThreads(ranks, options, Checkpoints(ranks, true), [&](const ExpertMoves& moves) {
      after = moves.imbalance;
      return moves.layers_moved >= 2 && after < 1.2;
    });
    std::printf("%d ranks: the most loaded one has %.2f of the mean, then %.2f\n", ranks, before,
                after);
  }
}

// The file of one rank is gone: nothing moves, nothing stops; when it is back, experts move.
TEST(Rebalance, ALoadThatFailsIsNamedAndChangesNothing) {
  const auto checkpoints = Checkpoints(2, true);
  checkpoints[1]->gone = true;
  RankGroupOptions options = RestlessGroup();
  options.redundant_experts = 2;
  OnThreads(2, options, checkpoints, [&](const ExpertMoves& moves) {
    if (moves.failures < 3) {
      EXPECT_EQ(moves.layers_moved, 0);
      return false;
    }
    EXPECT_STATUS(moves.last_failure, kUnavailable, "rank 1 cannot load its experts of layer 1");
    EXPECT_STATUS(moves.last_failure, kUnavailable, "model.safetensors: gone");
    checkpoints[1]->gone = false;
    return moves.layers_moved >= 2;
  });
}

TEST(Rebalance, NothingMovesWhenItIsOff) {
  RankGroupOptions options = RestlessGroup();
  options.rebalance_tokens = 0;
  OnThreads(2, options, Checkpoints(2, true), [&](const ExpertMoves& moves) {
    EXPECT_EQ(moves.decisions, 0);
    return true;
  });
}

}  // namespace
}  // namespace hadal::inference::testing
