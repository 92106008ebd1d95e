#include "inference/engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kBlockSize = 4;

class SchedulerTest : public ::testing::Test {
 protected:
  void Start(int32_t num_blocks, int32_t max_running, int32_t max_batch_tokens) {
    pool_.emplace(num_blocks, kBlockSize);
    SchedulerLimits limits;
    limits.max_running = max_running;
    limits.max_batch_tokens = max_batch_tokens;
    limits.aging_steps = 1000;
    scheduler_.emplace(limits, &*pool_);
  }

  Sequence* Add(int32_t num_prompt, std::string cache_namespace = "") {
    GenerateRequest request;
    for (int32_t i = 0; i < num_prompt; ++i) request.prompt_tokens.push_back(i);
    request.cache_namespace = std::move(cache_namespace);
    auto sequence =
        std::make_unique<Sequence>(std::move(request), std::make_shared<StreamChannel>(4));
    Sequence* raw = sequence.get();
    scheduler_->Add(std::move(sequence));
    return raw;
  }

  /// What the core does after a batch ran, every sampled token being 7.
  static void Advance(const Batch& batch) {
    for (const ScheduledSlice& slice : batch) {
      Sequence& sequence = *slice.sequence;
      sequence.num_computed += slice.num_tokens;
      if (sequence.shares_blocks()) {
        sequence.blocks->PublishComputed(sequence.prefix_key, sequence.tokens,
                                         sequence.num_computed);
      }
      if (slice.samples) sequence.tokens.push_back(7);
    }
  }

  static std::vector<int32_t> Sizes(const Batch& batch) {
    std::vector<int32_t> sizes;
    for (const ScheduledSlice& slice : batch) sizes.push_back(slice.num_tokens);
    return sizes;
  }

  std::optional<BlockPool> pool_;
  std::optional<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, PromptsRunInChunksAndDecodesComeFirst) {
  Start(64, 4, 8);
  Sequence* first = Add(6);
  Batch batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(6));
  EXPECT_TRUE(batch[0].samples);
  Advance(batch);
  Add(20);
  batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(1, 7));
  EXPECT_EQ(batch[0].sequence, first);
  EXPECT_FALSE(batch[1].samples);
  Advance(batch);
  Add(2);  // waits until the older prompt leaves some of the budget
  batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(1, 7));
  Advance(batch);
  batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(1, 6, 1));
  EXPECT_TRUE(batch[1].samples);
  EXPECT_FALSE(batch[2].samples);
}

TEST_F(SchedulerTest, NoMoreThanMaxRunning) {
  Start(64, 2, 64);
  for (int i = 0; i < 5; ++i) Add(3);
  EXPECT_EQ(scheduler_->Schedule().size(), 2u);
  EXPECT_EQ(scheduler_->num_waiting(), 3);
  EXPECT_EQ(scheduler_->num_new(), 3);
}

TEST_F(SchedulerTest, TheYoungestIsPreemptedAndRunsAgainFirst) {
  Start(5, 4, 64);
  Sequence* older = Add(8);
  Sequence* younger = Add(4);
  Add(1);
  Batch batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(8, 4));  // the third leaves no headroom for two running
  int32_t steps = 0;
  while (scheduler_->preemptions() == 0) {
    Advance(batch);
    batch = scheduler_->Schedule();
    ASSERT_LT(++steps, 20);
  }
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].sequence, older);
  EXPECT_EQ(scheduler_->num_waiting(), 2);
  EXPECT_EQ(scheduler_->num_new(), 1);  // the preempted one is not new
  EXPECT_FALSE(younger->blocks.has_value());
  EXPECT_EQ(younger->num_computed, 0);
  const int32_t again = younger->num_tokens();
  scheduler_->RemoveIf([older](const Sequence& sequence) { return &sequence == older; });
  batch = scheduler_->Schedule();
  EXPECT_EQ(batch[0].sequence, younger);
  EXPECT_EQ(batch[0].num_tokens, again);  // prompt and generated tokens, all of it
}

TEST_F(SchedulerTest, APrefixInTheCacheIsNotRunAgainExceptTheLastToken) {
  Start(64, 4, 64);
  Add(8, "tenant");
  Advance(scheduler_->Schedule());
  Sequence* same = Add(8, "tenant");
  Sequence* other = Add(8, "other tenant");
  Sequence* none = Add(8);
  const Batch batch = scheduler_->Schedule();
  EXPECT_THAT(Sizes(batch), ElementsAre(1, 4, 8, 8));
  EXPECT_EQ(same->num_cached, 4);
  EXPECT_EQ(other->num_cached, 0);
  EXPECT_EQ(none->num_cached, 0);
  EXPECT_EQ(scheduler_->cached_tokens(), 4);
  EXPECT_EQ(scheduler_->prompt_tokens(), 32);
}

TEST_F(SchedulerTest, RemovedSequencesGiveTheirBlocksBack) {
  Start(16, 4, 64);
  Add(20);
  Add(9);
  scheduler_->Schedule();
  EXPECT_EQ(pool_->num_free(), 16 - 5 - 3);
  const auto removed =
      scheduler_->RemoveIf([](const Sequence& sequence) { return sequence.num_prompt() == 20; });
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_EQ(pool_->num_free(), 16 - 3);
  scheduler_->RemoveIf([](const Sequence&) { return true; });
  EXPECT_EQ(pool_->num_free(), 16);
  EXPECT_TRUE(scheduler_->Schedule().empty());
}

}  // namespace
}  // namespace hadal::inference
