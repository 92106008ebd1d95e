#include "ops/cli/new_file.h"

#include <sys/stat.h>

#include <filesystem>

#include "tests/support/status_matchers.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create("new_file"));
    path_ = folder_->path() + "/export";
  }
  size_t Files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_->path()), fs::directory_iterator()));
  }

  std::unique_ptr<TempDir> folder_;
  std::string path_;
};

TEST_F(NewFileTest, IsThereWhenItIsCommitted) {
  {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::Create(path_));
    ASSERT_OK(file.Write("one "));
    ASSERT_OK(file.Write("two"));
    EXPECT_FALSE(fs::exists(path_));
    ASSERT_OK(file.Commit());
  }
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(path_));
  EXPECT_EQ(content, "one two");
  struct stat info = {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(NewFileTest, LeavesNothingWhenItIsNot) {
  {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::Create(path_));
    ASSERT_OK(file.Write("half"));
    const NewFile moved = std::move(file);
    EXPECT_EQ(Files(), 1u);
  }
  EXPECT_EQ(Files(), 0u);
}

TEST_F(NewFileTest, OverwritesNothing) {
  ASSERT_OK(WriteFileAtomic(path_, "old"));
  EXPECT_STATUS(NewFile::Create(path_), kAlreadyExists, "not overwritten");
  ASSERT_TRUE(fs::remove(path_));
  {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::Create(path_));
    ASSERT_OK(file.Write("new"));
    ASSERT_OK(WriteFileAtomic(path_, "meanwhile"));
    EXPECT_STATUS(file.Commit(), kAlreadyExists, "not overwritten");
  }
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(path_));
  EXPECT_EQ(content, "meanwhile");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(NewFileTest, ALinkToNowhereIsInTheWayToo) {
  fs::create_symlink("/nonexistent/elsewhere", path_);
  EXPECT_STATUS(NewFile::Create(path_), kAlreadyExists, "is there already");
}

TEST_F(NewFileTest, SaysWhereItCannotBeMade) {
  EXPECT_STATUS(NewFile::Create(folder_->path() + "/none/export"), kNotFound, "cannot write");
}

}  // namespace
}  // namespace hadal::cli
