#include "inference/moe/placed_experts.h"

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "inference/comm/thread_ranks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int32_t kExperts = 4;
constexpr int32_t kLayer = 3;
using MoveState = PlacedExperts::MoveState;

/// An expert that can be told by its width.
Expert Numbered(int32_t number) {
  const Device packer(std::make_shared<ThreadPool>(1));
  const std::vector<uint8_t> zeros(static_cast<size_t>(4 * (number + 1)), 0);
  auto gate =
      PackedMatrix::Pack(ElementType::kF32, 1, number + 1, zeros, PackPrecision::kStored, packer);
  EXPECT_OK(gate);
  Expert expert;
  expert.gate = *std::move(gate);
  return expert;
}

std::vector<int64_t> Numbers(const PlacedExperts& placed) {
  std::vector<int64_t> numbers;
  for (const Expert& expert : placed.experts(kLayer)) numbers.push_back(expert.gate.cols() - 1);
  return numbers;
}

const ExpertPlacement kBefore = {{{0, 1}, {2, 3}}};
const ExpertPlacement kAfter = {{{0, 3}, {1, 2, 3}}};

/// Two ranks as threads, `body` on each.
void OnTwoRanks(const PlacedExperts::LoadExpert& load,
                const std::function<void(size_t rank, PlacedExperts&)>& body) {
  auto ranks = CreateThreadRanks(2, absl::Seconds(60));
  std::vector<std::thread> threads;
  for (size_t r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      PlacedExperts placed(*ranks[r], kExperts, load);
      std::vector<Expert> experts;
      for (const int32_t e : kBefore.experts_of_rank[r]) experts.push_back(Numbered(e));
      placed.Add(kLayer, kBefore, std::move(experts));
      body(r, placed);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

StatusOr<PlacedExperts::MoveOutcome> SettleAtLast(PlacedExperts& placed) {
  while (true) {
    ASSIGN_OR_RETURN(auto outcome, placed.SettleMove());
    if (outcome.state != MoveState::kLoading) return outcome;
    absl::SleepFor(absl::Milliseconds(1));
  }
}

TEST(PlacedExperts, LoadsWhatItLacksAndKeepsTheRest) {
  std::atomic<int> loads = 0;
  const auto load = [&](int32_t layer, int32_t expert) -> StatusOr<Expert> {
    EXPECT_EQ(layer, kLayer);
    ++loads;
    return Numbered(expert);
  };
  OnTwoRanks(load, [](size_t rank, PlacedExperts& placed) {
    for (const ExpertPlacement& to : {kAfter, kBefore, kBefore, kAfter}) {
      ASSERT_OK(placed.BeginMove(kLayer, to));
      ASSERT_OK_AND_ASSIGN(const auto outcome, SettleAtLast(placed));
      EXPECT_EQ(outcome.state, MoveState::kMoved);
      EXPECT_EQ(placed.placement(kLayer).experts_of_rank, to.experts_of_rank);
      const std::vector<int32_t>& held = to.experts_of_rank[rank];
      EXPECT_EQ(Numbers(placed), (std::vector<int64_t>(held.begin(), held.end())));
    }
  });
  EXPECT_EQ(loads, 2 + 1 + 0 + 2);  // 3 and 1, 1 again, nothing, 3 and 1 again
}

TEST(PlacedExperts, NothingChangesWhileSomeRankLoads) {
  absl::Notification go_on;
  const auto load = [&](int32_t, int32_t expert) -> StatusOr<Expert> {
    if (expert == 1) go_on.WaitForNotification();  // rank 1's
    return Numbered(expert);
  };
  OnTwoRanks(load, [&](size_t rank, PlacedExperts& placed) {
    ASSERT_OK(placed.BeginMove(kLayer, kAfter));
    EXPECT_STATUS(placed.BeginMove(kLayer, kAfter), kFailedPrecondition, "while those of layer 3");
    for (int i = 0; i < 20; ++i) {
      ASSERT_OK_AND_ASSIGN(const auto outcome, placed.SettleMove());
      ASSERT_EQ(outcome.state, MoveState::kLoading);
      EXPECT_EQ(placed.placement(kLayer).experts_of_rank, kBefore.experts_of_rank);
      EXPECT_FALSE(rank == 1 && placed.LoadedHere());
    }
    if (rank == 1) go_on.Notify();
    ASSERT_OK_AND_ASSIGN(const auto outcome, SettleAtLast(placed));
    EXPECT_EQ(outcome.state, MoveState::kMoved);
  });
}

TEST(PlacedExperts, ARankThatCannotLoadIsNamedByAll) {
  std::atomic<bool> broken = true;
  const std::string long_name(1000, 'x');
  const auto load = [&](int32_t, int32_t expert) -> StatusOr<Expert> {
    if (expert == 1 && broken) return NotFound("blk.3.ffn_gate.1.weight: {}", long_name);
    return Numbered(expert);
  };
  OnTwoRanks(load, [&](size_t rank, PlacedExperts& placed) {
    ASSERT_OK(placed.BeginMove(kLayer, kAfter));
    ASSERT_OK_AND_ASSIGN(auto outcome, SettleAtLast(placed));
    EXPECT_EQ(outcome.state, MoveState::kGivenUp);
    EXPECT_STATUS(outcome.error, kUnavailable,
                  "rank 1 cannot load its experts of layer 3: blk.3.ffn_gate.1.weight: xxx");
    EXPECT_EQ(placed.placement(kLayer).experts_of_rank, kBefore.experts_of_rank);
    const std::vector<int32_t>& held = kBefore.experts_of_rank[rank];
    EXPECT_EQ(Numbers(placed), (std::vector<int64_t>(held.begin(), held.end())));
    EXPECT_STATUS(placed.SettleMove(), kFailedPrecondition, "no experts are moving");
    broken = false;
    ASSERT_OK_AND_ASSIGN(const auto met, placed.SumLoads());  // both saw it
    ASSERT_OK(placed.BeginMove(kLayer, kAfter));
    ASSERT_OK_AND_ASSIGN(outcome, SettleAtLast(placed));
    EXPECT_EQ(outcome.state, MoveState::kMoved);
  });
}

TEST(PlacedExperts, SumsAndForgetsLoad) {
  OnTwoRanks(nullptr, [](size_t rank, PlacedExperts& placed) {
    placed.Count(kLayer, rank == 0 ? std::vector<int32_t>{0, 1, 0, 0} : std::vector<int32_t>{3, 0});
    for (const std::vector<double>& expected :
         {std::vector<double>{4, 1, 0, 1}, std::vector<double>{1, 0, 0, 0}}) {
      ASSERT_OK_AND_ASSIGN(const auto loads, placed.SumLoads());
      ASSERT_EQ(loads.size(), 1u);
      EXPECT_EQ(loads.at(kLayer), expected);
    }
  });
}

TEST(PlacedExperts, RefusesWhatIsNoPlacement) {
  OnTwoRanks(nullptr, [](size_t, PlacedExperts& placed) {
    EXPECT_STATUS(placed.BeginMove(2, kAfter), kInvalidArgument, "layer 2 has no experts");
    for (const ExpertPlacement& wrong :
         {ExpertPlacement{{{0, 1}, {2}}}, ExpertPlacement{{{0, 1, 2, 3}}},
          ExpertPlacement{{{0, 1}, {3, 2}}}, ExpertPlacement{{{0, 1}, {2, 3, 4}}}}) {
      EXPECT_STATUS(placed.BeginMove(kLayer, wrong), kInvalidArgument, "a placement of experts");
    }
  });
}

}  // namespace
}  // namespace hadal::inference
