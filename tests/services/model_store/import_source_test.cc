#include "services/model_store/import_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"

namespace hadal::model_store {
namespace {

using ::testing::ElementsAre;

class ImportSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    import_ = folder_->path() + "/import";
    ASSERT_OK(MakeDirectories(import_ + "/hf/1_Pooling"));
    for (const char* name :
         {"/hf/config.json", "/hf/b.safetensors", "/hf/a.safetensors", "/hf/pytorch_model.bin",
          "/hf/.gitattributes", "/hf/modeling.py", "/hf/1_Pooling/config.json", "/m.gguf"}) {
      ASSERT_OK(WriteFileAtomic(import_ + name, name));
    }
    ASSERT_OK(WriteFileAtomic(folder_->path() + "/secret.gguf", "secret"));
  }
  StatusOr<std::vector<std::string>> Names(const std::string& source) const {
    ASSIGN_OR_RETURN(const auto files, OpenSource(import_, source));
    std::vector<std::string> names;
    for (const SourceFile& file : files) names.push_back(file.name);
    return names;
  }

  std::unique_ptr<TempDir> folder_;
  std::string import_;
};

TEST_F(ImportSourceTest, TakesWhatLoadersReadInOrderOfNames) {
  ASSERT_OK_AND_ASSIGN(const auto folder, Names("hf/"));
  EXPECT_THAT(folder, ElementsAre("1_Pooling/config.json", "a.safetensors", "b.safetensors",
                                  "config.json"));
  ASSERT_OK_AND_ASSIGN(const auto file, Names(import_ + "/m.gguf"));
  EXPECT_THAT(file, ElementsAre("m.gguf"));
}

TEST_F(ImportSourceTest, NothingOutsideTheFolderIsOpened) {
  EXPECT_STATUS(Names("../secret.gguf").status(), kPermissionDenied, "leads out");
  EXPECT_STATUS(Names(folder_->path() + "/secret.gguf").status(), kInvalidArgument, "not below");
  EXPECT_STATUS(Names("hf/../../secret.gguf").status(), kPermissionDenied, "leads out");
  ASSERT_EQ(::symlink("../secret.gguf", (import_ + "/out.gguf").c_str()), 0);
  EXPECT_STATUS(Names("out.gguf").status(), kPermissionDenied, "leads out");
  ASSERT_EQ(::symlink("/etc", (import_ + "/etc").c_str()), 0);
  EXPECT_STATUS(Names("etc").status(), kPermissionDenied, "leads out");
  ASSERT_EQ(::symlink("/etc/passwd", (import_ + "/hf/tokenizer.json").c_str()), 0);
  EXPECT_STATUS(Names("hf").status(), kPermissionDenied, "leads out");
}

// As a hub's cache lies on disk: names in one folder, contents in another.
TEST_F(ImportSourceTest, ALinkThatStaysInsideIsFollowed) {
  ASSERT_EQ(::symlink("../m.gguf", (import_ + "/hf/tokenizer.json").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const auto files, OpenSource(import_, "hf"));
  ASSERT_EQ(files.back().name, "tokenizer.json");
  EXPECT_EQ(files.back().size_bytes, 7);
}

TEST_F(ImportSourceTest, SpecialFilesAndOtherThingsAreRefused) {
  ASSERT_EQ(::mkfifo((import_ + "/pipe.gguf").c_str(), 0600), 0);
  EXPECT_STATUS(Names("pipe.gguf").status(), kInvalidArgument, "no regular file");
  ASSERT_EQ(::mkfifo((import_ + "/hf/tokenizer.json").c_str(), 0600), 0);
  EXPECT_STATUS(Names("hf").status(), kInvalidArgument, "no regular file");
  EXPECT_STATUS(Names("nothing.gguf").status(), kNotFound, "nothing.gguf");
  EXPECT_STATUS(Names("").status(), kInvalidArgument, "not below");
  EXPECT_STATUS(Names("hf/config.json").status(), kInvalidArgument, "neither");
  ASSERT_OK(WriteFileAtomic(import_ + "/\xff.gguf", "x"));
  EXPECT_STATUS(Names("\xff.gguf").status(), kInvalidArgument, "not UTF-8");
  ASSERT_OK(MakeDirectories(import_ + "/empty"));
  EXPECT_STATUS(Names("empty").status(), kInvalidArgument, "config.json");
}

}  // namespace
}  // namespace hadal::model_store
