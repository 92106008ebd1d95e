// Run by mpirun, every process being a rank; see CMakeLists.txt.
#include <cstdio>

#include "tests/inference/engine/rebalance.h"

namespace hadal::inference::testing {
namespace {

RankGroup* group = nullptr;

TEST(RebalanceOverMpi, MovesManyTimesAndNoTokenChanges) {
  const SkewedCheckpoint checkpoint(/*skewed=*/false);
  if (!group->leads()) return FollowRank(*group, checkpoint);
  LeadRounds(*group, checkpoint, MovedOften);
  const ExpertMoves moves = group->expert_moves();
  std::printf("%d ranks: %lld decisions moved %lld layers, %lld experts\n", group->size(),
              static_cast<long long>(moves.decisions), static_cast<long long>(moves.layers_moved),
              static_cast<long long>(moves.experts_loaded));
}

}  // namespace
}  // namespace hadal::inference::testing

int main(int argc, char** argv) {
  using hadal::inference::RankGroup;
  ::testing::InitGoogleTest(&argc, argv);
  auto joined = RankGroup::Join(hadal::inference::testing::RestlessGroup());
  if (!joined.ok()) {
    std::fprintf(stderr, "%s\n", hadal::StatusMessage(joined.status()).c_str());
    return 1;
  }
  hadal::inference::testing::group = joined->get();
  return RUN_ALL_TESTS();
}
