#include "services/model_store/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::model_store {
namespace {

// SHA-256 of "abc" (FIPS 180-4, appendix B.1).
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class FileDigestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    ASSERT_OK(MakeDirectories(Path("1_Pooling")));
    for (const ManifestFile& file : manifest_.files)
      ASSERT_OK(WriteFileAtomic(Path(file.name), "abc"));
    ASSERT_OK(WriteFileAtomic(Path("manifest.json"), "not compared with itself"));
    ASSERT_OK(WriteFileAtomic(Path(".hidden"), "no loader reads it"));
  }
  std::string Path(const std::string& name) const { return folder_->path() + "/" + name; }
  Status Require() const {
    return RequireFiles(folder_->path(), manifest_, [](int64_t) { return true; });
  }

  const Manifest manifest_{.id = "m",
                           .files = {{"1_Pooling/config.json", 3, kAbc}, {"a.bin", 3, kAbc}}};
  std::unique_ptr<TempDir> folder_;
};

TEST_F(FileDigestTest, SameFilesPassAndAreReadInFull) {
  int64_t read = 0;
  ASSERT_OK_AND_ASSIGN(const auto files, CheckFiles(folder_->path(), manifest_, [&](int64_t n) {
                         read += n;
                         return true;
                       }));
  ASSERT_EQ(files.size(), 2u);
  for (const CheckedFile& file : files) EXPECT_EQ(file.problem, "") << file.name;
  EXPECT_EQ(read, 6);
  EXPECT_OK(Require());
}

TEST_F(FileDigestTest, AChangedByteNamesTheFileAndBothDigests) {
  ASSERT_OK(WriteFileAtomic(Path("a.bin"), "abd"));
  EXPECT_STATUS(Require(), kDataLoss, "a.bin of the model m");
  EXPECT_STATUS(Require(), kDataLoss, kAbc);
  EXPECT_STATUS(Require(), kDataLoss,
                "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9");
}

TEST_F(FileDigestTest, MissingLongerExtraAndSpecialFilesAreProblems) {
  ASSERT_OK(WriteFileAtomic(Path("a.bin"), "abcd"));
  EXPECT_STATUS(Require(), kDataLoss, "4 bytes, 3 were imported");
  ASSERT_EQ(::unlink(Path("a.bin").c_str()), 0);
  EXPECT_STATUS(Require(), kDataLoss, "a.bin");
  ASSERT_EQ(::symlink("/etc/hostname", Path("a.bin").c_str()), 0);
  EXPECT_STATUS(Require(), kDataLoss, "a.bin");
  ASSERT_EQ(::unlink(Path("a.bin").c_str()), 0);
  ASSERT_EQ(::mkfifo(Path("a.bin").c_str(), 0600), 0);
  EXPECT_STATUS(Require(), kDataLoss, "no regular file");
  ASSERT_EQ(::unlink(Path("a.bin").c_str()), 0);
  ASSERT_OK(WriteFileAtomic(Path("a.bin"), "abc"));
  ASSERT_OK(WriteFileAtomic(Path("generation_config.json"), "{}"));
  EXPECT_STATUS(Require(), kDataLoss, "generation_config.json");
}

TEST_F(FileDigestTest, CanBeGivenUp) {
  EXPECT_STATUS(RequireFiles(folder_->path(), manifest_, [](int64_t) { return false; }), kCancelled,
                "given up");
}

}  // namespace
}  // namespace hadal::model_store
