// The files of a base's index: made, used again after a restart, and gone with what was deleted.

#include <filesystem>

#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;

class IndexFilesTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.index_seal_chunks = 4;
    StoreFixture::SetUp();
  }

  std::vector<fs::path> Segments(uint32_t base = 0) const {
    std::vector<fs::path> files;
    const std::string folder = options_.index_folder + "/" + std::to_string(base);
    if (!fs::exists(folder)) return files;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".hseg") files.push_back(entry.path());
    }
    return files;
  }
  /// Until there are segments, or are none.
  void WaitForSegments(bool there = true) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (Segments().empty() == there && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    ASSERT_EQ(Segments().empty(), !there);
  }
  void AddTwo() {
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("a", {"锅炉一", "锅炉二", "锅炉三"})));
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("b", {"水泵一", "水泵二", "水泵三"})));
  }
};

TEST_F(IndexFilesTest, AreUsedAgainAfterARestart) {
  AddTwo();
  WaitForSegments();
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("c", {"阀门一"})));
  const std::vector<fs::path> before = Segments();
  Reopen();
  EXPECT_EQ(Segments(), before);
  EXPECT_EQ(Texts("锅炉二", Everything(), 1), std::vector<std::string>{"锅炉二"});
  EXPECT_EQ(Texts("阀门一", Everything(), 1), std::vector<std::string>{"阀门一"});
  options_.chunker = "another";
  Reopen();
  EXPECT_EQ(Texts("水泵三", Everything(), 1), std::vector<std::string>{"水泵三"});
}

TEST_F(IndexFilesTest, LoseWhatWasDeletedWithThePurge) {
  AddTwo();
  WaitForSegments();
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt receipt,
                       store_->DeleteDocument("kb", "a", Everything()));
  EXPECT_GT(receipt.index_generation, 0u);
  ASSERT_OK(store_->Purge());
  ASSERT_OK_AND_ASSIGN(const DeletionCheck check, store_->VerifyDeleted(receipt.sequence, ""));
  EXPECT_TRUE(check.gone) << ::testing::PrintToString(check.remains);
  Reopen();
  EXPECT_EQ(Texts("水泵三", Everything(), 1), std::vector<std::string>{"水泵三"});
}

TEST_F(IndexFilesTest, GoWithTheirBase) {
  AddTwo();
  WaitForSegments();
  ASSERT_OK(store_->DeleteBase("kb"));
  WaitForSegments(false);  // one may be under way
}

// A backup that comes back gives chunk numbers again that newer index files know already.
TEST_F(IndexFilesTest, OfAnotherHistoryAreNotUsed) {
  ASSERT_OK(store_->Snapshot(folder_->path() + "/snapshot"));
  AddTwo();
  WaitForSegments();
  options_.path = folder_->path() + "/snapshot";
  Reopen();
  EXPECT_TRUE(Segments().empty());
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("x", {"变压器", "断路器"})));
  Reopen();
  EXPECT_EQ(Texts("断路器", Everything(), 1), std::vector<std::string>{"断路器"});
}

}  // namespace
}  // namespace hadal::retrieval
