#include "ops/cli/watch_list.h"

#include <filesystem>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FileMark Mark(int64_t size, int64_t time = 1, uint64_t inode = 1, std::string settings = "") {
  return {size, time, inode, std::move(settings)};
}

TEST(WatchListTest, AFileIsSentOnceItIsTheSameAtTwoLooks) {
  WatchList list;
  EXPECT_THAT(list.Look({{"a", Mark(1)}}).settled, IsEmpty());
  EXPECT_THAT(list.Look({{"a", Mark(2)}}).settled, IsEmpty());  // still growing
  EXPECT_THAT(list.Look({{"a", Mark(2)}}).settled, ElementsAre("a"));
  EXPECT_THAT(list.Look({{"a", Mark(2)}}).settled, ElementsAre("a"));  // it could not be sent
  list.Done("a", Mark(2));
  EXPECT_THAT(list.Look({{"a", Mark(2)}}).settled, IsEmpty());
}

TEST(WatchListTest, EveryKindOfChangeCounts) {
  const FileMark sent = Mark(2);
  for (const FileMark& changed : {Mark(3), Mark(2, 0), Mark(2, 1, 7), Mark(2, 1, 1, "secret")}) {
    WatchList list;
    list.Look({{"a", sent}});
    list.Look({{"a", sent}});
    list.Done("a", sent);
    EXPECT_THAT(list.Look({{"a", changed}}).settled, IsEmpty());
    EXPECT_THAT(list.Look({{"a", changed}}).settled, ElementsAre("a"));
    EXPECT_THAT(list.Look({{"a", sent}}).settled, IsEmpty());
    EXPECT_THAT(list.Look({{"a", sent}}).settled, IsEmpty());  // as it was sent
  }
}

TEST(WatchListTest, AFileThatChangedWhileItWasSentIsSentAgain) {
  WatchList list;
  list.Look({{"a", Mark(1)}});
  EXPECT_THAT(list.Look({{"a", Mark(1)}}).settled, ElementsAre("a"));
  list.Done("a", Mark(1));
  list.Look({{"a", Mark(2)}});
  EXPECT_THAT(list.Look({{"a", Mark(2)}}).settled, ElementsAre("a"));
}

TEST(WatchListTest, WhatIsGoneIsToldOnceAndNewWhenItComesBack) {
  WatchList list;
  list.Look({{"a", Mark(1)}, {"b", Mark(1)}});
  list.Look({{"a", Mark(1)}, {"b", Mark(1)}});
  list.Done("a", Mark(1));
  EXPECT_THAT(list.Look({{"b", Mark(1)}}).gone, ElementsAre("a"));
  EXPECT_THAT(list.Look({{"b", Mark(1)}}).gone, IsEmpty());
  EXPECT_THAT(list.Look({{"a", Mark(1)}, {"b", Mark(1)}}).settled, ElementsAre("b"));
  EXPECT_THAT(list.Look({{"a", Mark(1)}, {"b", Mark(1)}}).settled, ElementsAre("a", "b"));
  list.Done("nobody", Mark(1));  // gone since: no harm
}

TEST(WatchListTest, MarksOfFiles) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create("watch"));
  const std::string path = folder->path() + "/a.txt";
  EXPECT_STATUS(MarkOf(path, ""), kNotFound, path);
  ASSERT_OK(WriteFileAtomic(path, "one"));
  ASSERT_OK_AND_ASSIGN(const FileMark first, MarkOf(path, ""));
  EXPECT_EQ(first.size_bytes, 3);
  ASSERT_OK_AND_ASSIGN(const FileMark same, MarkOf(path, ""));
  EXPECT_EQ(first, same);
  ASSERT_OK(WriteFileAtomic(path, "two"));  // the same size, another file
  ASSERT_OK_AND_ASSIGN(const FileMark other, MarkOf(path, ""));
  EXPECT_FALSE(first == other);
  std::filesystem::create_symlink(path, folder->path() + "/link");
  ASSERT_OK_AND_ASSIGN(const FileMark link, MarkOf(folder->path() + "/link", ""));
  EXPECT_EQ(link, other);
}

}  // namespace
}  // namespace hadal::cli
