// Whose turn it is: priorities, equal shares of tokens between tenants, and that nobody starves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "inference/engine/scheduler.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

TEST(FairShare, WhoComesBackIsLiftedToTheLeastOfTheActive) {
  FairShare shares;
  shares.Enter("a");
  shares.Charge("a", 100, 10);
  EXPECT_EQ(shares.served("a"), 120);
  shares.Enter("b");
  EXPECT_EQ(shares.served("b"), 120);
  shares.Charge("b", 30, 0);
  shares.Enter("c");
  EXPECT_EQ(shares.served("c"), 120);
  shares.Leave("a");
  shares.Charge("c", 100, 0);
  shares.Enter("a");  // nothing was saved up meanwhile
  EXPECT_EQ(shares.served("a"), 150);
}

TEST(FairShare, WhoHadMoreKeepsItUntilTheOthersCaughtUpOrAllAreGone) {
  FairShare shares;
  shares.Enter("a");
  shares.Enter("b");
  shares.Charge("b", 500, 0);
  shares.Leave("b");
  shares.Enter("b");
  EXPECT_EQ(shares.served("b"), 500);
  shares.Leave("b");
  shares.Charge("a", 800, 0);
  shares.Enter("b");
  EXPECT_EQ(shares.served("b"), 800);
  shares.Leave("a");
  shares.Leave("b");
  shares.Enter("b");
  EXPECT_EQ(shares.served("b"), 0);
}

struct Asked {
  std::string tenant;
  int32_t num_prompt = 4;
  int32_t max_tokens = 4;
  int32_t priority = 0;
};

/// A scheduler whose batches take no time: every sampled token is 7.
class FairnessTest : public ::testing::Test {
 protected:
  void Start(int32_t max_running, int32_t num_blocks = 1000, int32_t aging_steps = 1000) {
    scheduler_.reset();
    pool_.emplace(num_blocks, /*block_size=*/4);
    SchedulerLimits limits;
    limits.max_running = max_running;
    limits.max_batch_tokens = 64;
    limits.aging_steps = aging_steps;
    scheduler_.emplace(limits, &*pool_);
  }

  Sequence* Add(const Asked& asked) {
    GenerateRequest request;
    request.prompt_tokens.assign(static_cast<size_t>(asked.num_prompt), 5);
    request.sampling.max_tokens = asked.max_tokens;
    request.tenant = asked.tenant;
    request.priority = asked.priority;
    auto sequence =
        std::make_unique<Sequence>(std::move(request), std::make_shared<StreamChannel>(4));
    Sequence* raw = sequence.get();
    scheduler_->Add(std::move(sequence));
    return raw;
  }

  /// Those that ended in this step.
  std::vector<const Sequence*> Step() {
    for (const ScheduledSlice& slice : scheduler_->Schedule()) {
      slice.sequence->num_computed += slice.num_tokens;
      if (slice.samples) slice.sequence->tokens.push_back(7);
    }
    std::vector<const Sequence*> ended;
    for (auto& sequence : scheduler_->RemoveIf(
             [](const Sequence& candidate) { return candidate.num_left() == 0; })) {
      ended.push_back(sequence.get());
      ended_.push_back(std::move(sequence));
    }
    return ended;
  }

  std::optional<BlockPool> pool_;
  std::optional<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Sequence>> ended_;  ///< tests look at them later
};

TEST_F(FairnessTest, AHundredRequestsOfOneTenantDoNotHoldUpAnother) {
  Start(/*max_running=*/2);
  for (int i = 0; i < 100; ++i) Add({"crowd"});
  for (int i = 0; i < 21; ++i) Step();
  const Sequence* single = Add({"single"});
  int ended = 0;
  while (!single->admitted) {
    for (const Sequence* sequence : Step()) ended += sequence->request.tenant == "crowd";
    ASSERT_LE(ended, 2);  // no more than what ran when it came
  }
  EXPECT_EQ(scheduler_->num_waiting(), 100 - 10 - 2 - ended + 1);
}

// Two tenants that always have somebody waiting get the same, weighted, within the bound of the
// paper (theorem 4.4), whatever the sizes and numbers of their requests.
TEST_F(FairnessTest, SharesOfBackloggedTenantsStayWithinTheBound) {
  constexpr int32_t kMaxRunning = 3;
  constexpr int32_t kMaxPrompt = 60;
  constexpr int32_t kMaxGenerated = 40;
  constexpr int64_t kBound = 2 * std::max<int64_t>(FairShare::kPromptWeight * kMaxPrompt,
                                                   FairShare::kGeneratedWeight * kMaxRunning *
                                                       (kMaxPrompt + kMaxGenerated));
  for (uint32_t seed = 0; seed < 5; ++seed) {
    Start(kMaxRunning);
    std::mt19937 random(seed);
    const auto draw = [&random](int32_t most) {
      return static_cast<int32_t>(1 + random() % static_cast<uint32_t>(most));
    };
    const auto ask = [&](const std::string& tenant) {
      Add(tenant == "many" ? Asked{tenant, draw(8), draw(4)}
                           : Asked{tenant, kMaxPrompt, kMaxGenerated});
    };
    for (int i = 0; i < 200; ++i) ask("many");
    for (int i = 0; i < 20; ++i) ask("long");
    std::map<std::string, int64_t> served;
    for (int step = 0; step < 3000; ++step) {
      for (const ScheduledSlice& slice : scheduler_->Schedule()) {
        Sequence& sequence = *slice.sequence;
        int64_t& mine = served[sequence.request.tenant];
        if (sequence.num_computed == 0) mine += FairShare::kPromptWeight * sequence.num_prompt();
        sequence.num_computed += slice.num_tokens;
        if (!slice.samples) continue;
        sequence.tokens.push_back(7);
        mine += FairShare::kGeneratedWeight;
      }
      const auto ended =
          scheduler_->RemoveIf([](const Sequence& sequence) { return sequence.num_left() == 0; });
      for (const auto& sequence : ended) ask(sequence->request.tenant);
      ASSERT_LE(std::abs(served["many"] - served["long"]), kBound)
          << "step " << step << ", seed " << seed;
    }
    EXPECT_GT(served["many"], 5 * kBound) << "too short a run to show anything";
  }
}

TEST_F(FairnessTest, HigherPriorityFirstThenByTenantThenByArrival) {
  Start(/*max_running=*/1);
  Add({"a", 4, 1});
  Step();  // tenant a has had something
  Add({"b", 4, 4});
  Step();  // b runs for three more steps
  const std::map<const Sequence*, std::string> names = {
      {Add({"a", 4, 1}), "a first"},   {Add({"a", 4, 1}), "a second"},
      {Add({"c", 4, 1}), "c"},         {Add({"a", 4, 1, -1}), "a low"},
      {Add({"d", 4, 1, -1}), "d low"}, {Add({"b", 4, 1, 1}), "b high"},
  };
  std::vector<std::string> order;
  for (int i = 0; i < 20; ++i) {
    for (const Sequence* sequence : Step()) {
      if (names.contains(sequence)) order.push_back(names.at(sequence));
    }
  }
  // d came when a had its second turn behind it: both had as much.
  EXPECT_THAT(order, ElementsAre("b high", "a first", "c", "a second", "d low", "a low"));
}

TEST_F(FairnessTest, LowPriorityIsServedInTheEndAndNotBefore) {
  constexpr int32_t kAging = 50;
  Start(/*max_running=*/1, 1000, kAging);
  const auto keep_busy = [this] {
    while (scheduler_->num_waiting() < 3) Add({"busy", 4, 2, kMaxPriority});
  };
  keep_busy();
  Step();
  const Sequence* low = Add({"patient", 4, 2, -kMaxPriority});
  int32_t steps = 0;
  for (; !low->admitted; ++steps) {
    keep_busy();
    Step();
    ASSERT_LE(steps, 2 * kMaxPriority * kAging + kAging);
  }
  EXPECT_GE(steps, 2 * kMaxPriority * kAging);
}

// What stands in a long line of its own making does not get urgent: only its head ages.
TEST_F(FairnessTest, ALongLineDoesNotAge) {
  constexpr int32_t kAging = 10;
  Start(/*max_running=*/1, 1000, kAging);
  for (int i = 0; i < 100; ++i) Add({"crowd", 4, 3});
  for (int i = 0; i < 20 * kAging; ++i) Step();
  ASSERT_GT(scheduler_->num_waiting(), 20);
  const Sequence* single = Add({"single", 4, 3});
  for (int i = 0; i < 4; ++i) Step();
  EXPECT_TRUE(single->admitted);
}

TEST_F(FairnessTest, TheLowestPriorityIsPreemptedThenTheYoungest) {
  Start(/*max_running=*/4, /*num_blocks=*/8);
  Sequence* low = Add({"a", 5, 15, -1});
  Step();
  Sequence* older = Add({"b", 5, 15});
  Sequence* younger = Add({"c", 5, 15});
  std::vector<const Sequence*> preempted;
  for (int i = 0; i < 40 && preempted.size() < 2; ++i) {
    Step();
    for (const Sequence* sequence : {low, older, younger}) {
      const bool known = std::find(preempted.begin(), preempted.end(), sequence) != preempted.end();
      if (sequence->admitted && !sequence->blocks && !known) preempted.push_back(sequence);
    }
  }
  EXPECT_THAT(preempted, ElementsAre(low, younger));
  EXPECT_TRUE(older->blocks.has_value());
}

// One that was preempted again and again becomes urgent in the end, and is then not preempted.
TEST_F(FairnessTest, APreemptedOneOfLowPriorityEndsToo) {
  constexpr int32_t kAging = 40;
  Start(/*max_running=*/3, /*num_blocks=*/6, kAging);
  const Sequence* low = Add({"a", 8, 12, -1});
  bool ended = false;
  int32_t steps = 0;
  for (; !ended; ++steps) {
    ASSERT_LT(steps, 20 * kAging);
    while (scheduler_->num_waiting() < 2) Add({"b", 3, 9, 1});
    for (const Sequence* sequence : Step()) ended = ended || sequence == low;
  }
  EXPECT_GT(scheduler_->preemptions(), 0);
}

}  // namespace
}  // namespace hadal::inference
