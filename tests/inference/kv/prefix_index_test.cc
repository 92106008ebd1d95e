#include "inference/kv/prefix_index.h"

#include <gtest/gtest.h>

namespace hadal::inference {
namespace {

constexpr int32_t kNone = PrefixIndex::kNone;
using Tokens = std::vector<int32_t>;

TEST(PrefixIndex, FindsExactlyWhatWasInserted) {
  PrefixIndex index(8, 2);
  index.Insert("a", kNone, Tokens{1, 2}, 3);
  index.Insert("a", 3, Tokens{3, 4}, 5);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 2}), 3);
  EXPECT_EQ(index.Find("a", 3, Tokens{3, 4}), 5);
  EXPECT_EQ(index.Find("a", kNone, Tokens{2, 1}), kNone);
  EXPECT_EQ(index.Find("a", kNone, Tokens{3, 4}), kNone);  // known only after {1, 2}
  EXPECT_EQ(index.Find("a", 5, Tokens{3, 4}), kNone);
}

TEST(PrefixIndex, NamespacesSeeNothingOfEachOther) {
  PrefixIndex index(8, 2);
  index.Insert("tenant-a", kNone, Tokens{1, 2}, 0);
  EXPECT_EQ(index.Find("tenant-b", kNone, Tokens{1, 2}), kNone);
  EXPECT_EQ(index.Find("tenant-", kNone, Tokens{1, 2}), kNone);
  index.Insert("tenant-b", kNone, Tokens{1, 2}, 1);
  EXPECT_EQ(index.Find("tenant-a", kNone, Tokens{1, 2}), 0);
  EXPECT_EQ(index.Find("tenant-b", kNone, Tokens{1, 2}), 1);
}

TEST(PrefixIndex, CollidingHashesMixNothingUp) {
  PrefixIndex index(8, 2, /*hash_mask=*/0);
  index.Insert("a", kNone, Tokens{1, 2}, 0);
  index.Insert("b", kNone, Tokens{1, 2}, 1);
  index.Insert("a", kNone, Tokens{1, 3}, 2);
  index.Insert("a", 0, Tokens{1, 2}, 3);
  index.Insert("b", 1, Tokens{1, 2}, 4);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 2}), 0);
  EXPECT_EQ(index.Find("b", kNone, Tokens{1, 2}), 1);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 3}), 2);
  EXPECT_EQ(index.Find("a", 0, Tokens{1, 2}), 3);
  EXPECT_EQ(index.Find("b", 1, Tokens{1, 2}), 4);
  EXPECT_EQ(index.Find("c", kNone, Tokens{1, 2}), kNone);
  index.Remove(4);
  EXPECT_EQ(index.Find("b", 1, Tokens{1, 2}), kNone);
  EXPECT_EQ(index.Find("a", 0, Tokens{1, 2}), 3);
}

TEST(PrefixIndex, TheFormOfAttentionIsPartOfTheKey) {
  PrefixIndex index(8, 2);
  index.Insert("a", kNone, Tokens{1, 2}, 0, /*expanded=*/true);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 2}), kNone);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 2}, true), 0);
  index.Insert("a", kNone, Tokens{1, 2}, 1);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1, 2}), 1);
  index.Insert("a", 0, Tokens{3, 4}, 2);  // an absorbed block behind an expanded one
  EXPECT_EQ(index.Find("a", 0, Tokens{3, 4}), 2);
  EXPECT_EQ(index.Find("a", 1, Tokens{3, 4}), kNone);
}

TEST(PrefixIndex, RemovedBlocksAreGoneAndCanBeUsedAgain) {
  PrefixIndex index(4, 1);
  index.Insert("a", kNone, Tokens{1}, 0);
  index.Insert("a", 0, Tokens{2}, 1);
  index.Remove(1);
  EXPECT_EQ(index.Find("a", 0, Tokens{2}), kNone);
  index.Remove(0);
  EXPECT_EQ(index.Find("a", kNone, Tokens{1}), kNone);
  EXPECT_EQ(index.size(), 0);
  index.Insert("b", kNone, Tokens{7}, 0);
  EXPECT_EQ(index.Find("b", kNone, Tokens{7}), 0);
  EXPECT_EQ(index.Find("a", kNone, Tokens{7}), kNone);
}

TEST(PrefixIndexDeathTest, ABlockWithChildrenIsNotRemoved) {
  PrefixIndex index(4, 1);
  index.Insert("a", kNone, Tokens{1}, 0);
  index.Insert("a", 0, Tokens{2}, 1);
  EXPECT_DEATH(index.Remove(0), "children == 0");
}

}  // namespace
}  // namespace hadal::inference
