#include "inference/comm/thread_ranks.h"

#include <functional>
#include <thread>

#include "inference/comm/nodes.h"
#include "inference/comm/transport.h"
#include "tests/inference/comm/collectives.h"

namespace hadal::inference {
namespace {

constexpr auto kLong = absl::Seconds(60);
constexpr auto kShort = absl::Milliseconds(300);

using Ranks = std::vector<std::unique_ptr<Communicator>>;

// One thread a rank; each gives its communicator back when it is done.
void RunRanks(int32_t count, absl::Duration timeout,
              const std::function<void(std::unique_ptr<Communicator>)>& body) {
  Ranks ranks = CreateThreadRanks(count, timeout);
  std::vector<std::thread> threads;
  for (auto& comm : ranks) {
    threads.emplace_back([&body, &comm] { body(std::move(comm)); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ThreadRanks, CollectivesAreThoseOfPlainComputation) {
  for (int32_t ranks = 1; ranks <= 4; ++ranks) {
    RunRanks(ranks, kLong, [](std::unique_ptr<Communicator> comm) { CheckCollectives(*comm); });
  }
}

TEST(ThreadRanks, ARankThatNeverArrivesIsNamed) {
  absl::Mutex done;  // held by the rank that is stuck until the others gave up
  std::atomic<int> gave_up = 0;
  RunRanks(4, kShort, [&](std::unique_ptr<Communicator> comm) {
    std::vector<float> data(100000, 1.0f);
    EXPECT_OK(comm->AllReduceSum(absl::MakeSpan(data)));
    if (comm->rank() == 2) {
      while (gave_up < 3) absl::SleepFor(absl::Milliseconds(5));
      EXPECT_STATUS(comm->Barrier(), kUnavailable, "rank 2 is dead or stuck");
      return;
    }
    const absl::Time start = absl::Now();
    EXPECT_STATUS(comm->AllReduceSum(absl::MakeSpan(data)), kUnavailable,
                  "rank 2 is dead or stuck: no sign of it in all-reduce");
    EXPECT_LT(absl::Now() - start, 2 * kShort + absl::Seconds(1));
    EXPECT_STATUS(comm->Barrier(), kUnavailable, "rank 2");  // and stays failed
    ++gave_up;
  });
}

// Ranks 0 and 1 wait for 2, which waits for 3 in a group of its own.
TEST(ThreadRanks, TheRankBehindTheOneWaitedForIsNamed) {
  std::atomic<int> gave_up = 0;
  RunRanks(4, kShort, [&](std::unique_ptr<Communicator> comm) {
    auto pair = comm->Split(comm->rank() / 2);
    EXPECT_OK(pair);
    if (comm->rank() == 3) {
      while (gave_up < 3) absl::SleepFor(absl::Milliseconds(5));
      return;
    }
    Status status;
    if (comm->rank() == 2) status = (*pair)->Barrier();
    if (status.ok()) status = comm->Barrier();
    EXPECT_STATUS(status, kUnavailable, "rank 3 is dead or stuck");
    ++gave_up;
  });
}

TEST(ThreadRanks, ARankThatLeftIsNamedAtOnce) {
  RunRanks(3, kLong, [](std::unique_ptr<Communicator> comm) {
    EXPECT_OK(comm->Barrier());
    if (comm->rank() == 1) return;
    const absl::Time start = absl::Now();
    EXPECT_STATUS(comm->Barrier(), kUnavailable, "rank 1 is dead: it left before barrier");
    EXPECT_LT(absl::Now() - start, kLong / 4);
  });
}

TEST(ThreadRanks, SizesAndCallsThatDoNotFitAreNamed) {
  RunRanks(2, kLong, [](std::unique_ptr<Communicator> comm) {
    std::vector<float> data(comm->rank() == 0 ? 8 : 9);
    const Status status = comm->AllReduceSum(absl::MakeSpan(data));
    EXPECT_EQ(status.code(), StatusCode::kInternal) << StatusMessage(status);
    const std::vector<int64_t> one = {1};
    EXPECT_STATUS(comm->ReduceScatterSum(data, one, absl::MakeSpan(data)), kInternal, "parts");
  });
  RunRanks(2, kShort, [](std::unique_ptr<Communicator> comm) {
    auto first = comm->Split(0);
    auto second = comm->Split(0);
    EXPECT_STATUS((comm->rank() == 0 ? *first : *second)->Barrier(), kUnavailable,
                  "different calls");
  });
}

TEST(FindStuckRank, FollowsWhoWaitsForWhom) {
  const std::vector<std::vector<int32_t>> waits = {{1}, {2, 3}, {}, {1}};
  const auto find = [&](std::vector<int32_t> missing, std::vector<int32_t> silent) {
    return FindStuckRank(missing, 4, [&](int32_t r) {
      return std::count(silent.begin(), silent.end(), r) > 0 ? nullptr
                                                             : &waits[static_cast<size_t>(r)];
    });
  };
  EXPECT_EQ(find({1}, {2}), 2);
  EXPECT_EQ(find({1}, {2, 3}), 2);
  EXPECT_EQ(find({1}, {1}), 1);
  EXPECT_EQ(find({0, 3}, {}), -1);
}

TEST(CountNodes, WantsEquallyManyRanksOnEachOneAfterTheOther) {
  const std::vector<std::pair<std::vector<std::string>, int32_t>> cases = {
      {{"a", "a", "b", "b"}, 2}, {{"a", "b", "c", "d"}, 4}, {{"a", "a", "a", "a"}, 1},
      {{"a", "b", "a", "b"}, 1}, {{"a", "a", "a", "b"}, 1}, {{"b", "b", "a"}, 1}};
  for (const auto& [names, expected] : cases) {
    auto ranks = CreateThreadRanks(static_cast<int32_t>(names.size()), absl::Seconds(60));
    std::vector<std::thread> threads;
    for (size_t r = 0; r < names.size(); ++r) {
      threads.emplace_back([&, r] {
        ASSERT_OK_AND_ASSIGN(const int32_t nodes, CountNodes(*ranks[r], names[r]));
        EXPECT_EQ(nodes, expected) << names[0] << names[1] << names[2];
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace hadal::inference
