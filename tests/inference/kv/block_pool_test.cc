#include "inference/kv/block_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

namespace hadal::inference {
namespace {

using Tokens = std::vector<int32_t>;

Tokens Iota(int32_t size, int32_t first = 0) {
  Tokens tokens;
  for (int32_t i = 0; i < size; ++i) tokens.push_back(first + i);
  return tokens;
}

TEST(BlockTable, GrowsByWholeBlocksOrNotAtAll) {
  BlockPool pool(4, 16);
  BlockTable table(&pool);
  EXPECT_TRUE(table.Grow(1));
  EXPECT_TRUE(table.Grow(16));
  EXPECT_EQ(table.blocks().size(), 1u);
  EXPECT_TRUE(table.Grow(17));
  EXPECT_EQ(pool.num_free(), 2);
  EXPECT_FALSE(table.Grow(65));
  EXPECT_EQ(pool.num_free(), 2);
  EXPECT_TRUE(table.Grow(64));
  table.Clear();
  EXPECT_EQ(pool.num_free(), 4);
  table.Clear();  // nothing left to give back
  EXPECT_EQ(pool.num_free(), 4);
}

TEST(BlockTable, ASecondSequenceTakesUpThePrefixOfTheFirst) {
  BlockPool pool(8, 4);
  const Tokens tokens = Iota(10);
  BlockTable first(&pool);
  ASSERT_TRUE(first.Grow(10));
  first.PublishComputed("a", tokens, 10);
  EXPECT_EQ(pool.num_indexed(), 2);
  BlockTable second(&pool);
  EXPECT_EQ(second.TakePrefix("a", tokens), 8);
  EXPECT_EQ(pool.references(first.blocks()[0]), 2);
  BlockTable other_tenant(&pool);
  EXPECT_EQ(other_tenant.TakePrefix("b", tokens), 0);
  first.Clear();
  EXPECT_EQ(pool.references(second.blocks()[0]), 1);
  second.Clear();
  EXPECT_EQ(pool.num_free(), 8);
  BlockTable third(&pool);
  EXPECT_EQ(third.TakePrefix("a", absl::MakeConstSpan(tokens).first(7)), 4);
}

TEST(BlockTable, WithoutKeepBlocksAreForgottenWithTheirLastHolder) {
  BlockPool pool(8, 4);
  const Tokens tokens = Iota(10);
  {
    BlockTable first(&pool, /*keep=*/false);
    BlockTable second(&pool, /*keep=*/false);
    ASSERT_TRUE(first.Grow(10));
    first.PublishComputed("r1", tokens, 10);
    EXPECT_EQ(second.TakePrefix("r1", tokens), 8);
    first.Clear();
    EXPECT_EQ(pool.num_indexed(), 2);  // the second holds them
  }
  EXPECT_EQ(pool.num_indexed(), 0);
  EXPECT_EQ(pool.num_free(), 8);
}

TEST(BlockTable, EqualBlocksComputedTwiceAreKeptOnce) {
  BlockPool pool(8, 4);
  const Tokens tokens = Iota(8);
  BlockTable first(&pool);
  BlockTable second(&pool);
  ASSERT_TRUE(first.Grow(8));
  ASSERT_TRUE(second.Grow(8));
  first.PublishComputed("a", tokens, 8);
  EXPECT_EQ(pool.num_free(), 4);
  second.PublishComputed("a", tokens, 8);
  EXPECT_EQ(pool.num_free(), 6);
  EXPECT_EQ(first.blocks(), second.blocks());
}

TEST(BlockPool, UnknownFreeBlocksGoBeforeKnownOnesAndThoseByLastUse) {
  BlockPool pool(3, 2);
  const auto publish = [&pool](int32_t first_token) {
    BlockTable table(&pool);
    ASSERT_TRUE(table.Grow(2));
    table.PublishComputed("a", Iota(2, first_token), 2);
  };
  publish(10);
  publish(20);
  {
    BlockTable touch(&pool);
    EXPECT_EQ(touch.TakePrefix("a", Iota(2, 10)), 2);
  }
  EXPECT_EQ(pool.num_free(), 3);
  BlockTable user(&pool);
  ASSERT_TRUE(user.Grow(2));  // the one block nobody knows
  EXPECT_EQ(pool.num_indexed(), 2);
  ASSERT_TRUE(user.Grow(4));  // evicts 20, used less recently than 10
  BlockTable again(&pool);
  EXPECT_EQ(again.TakePrefix("a", Iota(2, 20)), 0);
  EXPECT_EQ(again.TakePrefix("a", Iota(2, 10)), 2);
}

// Random sequences of several tenants with shared beginnings against a plain model: every block's
// content is tracked, and what TakePrefix returns must hold exactly the tokens asked for.
class BlockPoolProperty : public ::testing::TestWithParam<uint32_t> {};

struct LiveSequence {
  std::string tenant;
  Tokens tokens;
  int32_t computed = 0;
  std::unique_ptr<BlockTable> table;
};

TEST_P(BlockPoolProperty, PrefixesHoldTheirTokensAndNothingLeaks) {
  constexpr int32_t kBlocks = 24;
  constexpr int32_t kBlockSize = 3;
  std::mt19937 random(GetParam());
  BlockPool pool(kBlocks, kBlockSize);
  // What a forward pass would have written: (tenant, all tokens up to the position).
  std::map<int32_t, std::vector<std::string>> content;
  std::vector<LiveSequence> live;
  const auto write = [&](LiveSequence& sequence, int32_t position) {
    std::string key = sequence.tenant;
    for (int32_t i = 0; i <= position; ++i) {
      key += "," + std::to_string(sequence.tokens[static_cast<size_t>(i)]);
    }
    const int32_t block = sequence.table->blocks()[static_cast<size_t>(position / kBlockSize)];
    ASSERT_EQ(pool.references(block), 1) << "a shared block is written";
    auto& slots = content[block];
    slots.resize(kBlockSize);
    slots[static_cast<size_t>(position % kBlockSize)] = key;
  };
  const auto verify = [&](const LiveSequence& sequence) {
    std::string key = sequence.tenant;
    for (int32_t i = 0; i < sequence.computed; ++i) {
      key += "," + std::to_string(sequence.tokens[static_cast<size_t>(i)]);
      const int32_t block = sequence.table->blocks()[static_cast<size_t>(i / kBlockSize)];
      ASSERT_EQ(content[block][static_cast<size_t>(i % kBlockSize)], key);
    }
  };
  for (int step = 0; step < 3000; ++step) {
    const uint32_t action = random() % 10;
    if (action < 4 && live.size() < 8) {
      LiveSequence sequence;
      sequence.tenant = random() % 2 == 0 ? "a" : "b";
      for (uint32_t i = 1 + random() % 20; i > 0; --i) {
        sequence.tokens.push_back(static_cast<int32_t>(random() % 2));
      }
      sequence.table = std::make_unique<BlockTable>(&pool);
      sequence.computed = sequence.table->TakePrefix(sequence.tenant, sequence.tokens);
      verify(sequence);
      live.push_back(std::move(sequence));
    } else if (action < 8 && !live.empty()) {
      LiveSequence& sequence = live[random() % live.size()];
      const int32_t left = static_cast<int32_t>(sequence.tokens.size()) - sequence.computed;
      if (left == 0) continue;
      const int32_t target = sequence.computed + 1 + static_cast<int32_t>(random()) % left;
      const int32_t goal = std::max(sequence.computed + 1, target);
      if (!sequence.table->Grow(goal)) continue;
      for (; sequence.computed < goal; ++sequence.computed) write(sequence, sequence.computed);
      sequence.table->PublishComputed(sequence.tenant, sequence.tokens, sequence.computed);
      verify(sequence);
    } else if (!live.empty()) {
      const size_t index = random() % live.size();
      verify(live[index]);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(index));
    }
    std::set<int32_t> held;
    for (const LiveSequence& sequence : live) {
      held.insert(sequence.table->blocks().begin(), sequence.table->blocks().end());
    }
    ASSERT_EQ(pool.num_free(), kBlocks - static_cast<int32_t>(held.size()));
  }
  live.clear();
  EXPECT_EQ(pool.num_free(), kBlocks);
  for (int32_t block = 0; block < kBlocks; ++block) EXPECT_EQ(pool.references(block), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BlockPoolProperty, ::testing::Range(0u, 12u));

TEST(BlockPoolDeathTest, GivingBackTwiceIsCaught) {
  BlockPool pool(2, 4);
  const int32_t block = *pool.Allocate();
  pool.Release({block});
  EXPECT_DEATH(pool.Release({block}), "references_");
}

}  // namespace
}  // namespace hadal::inference
