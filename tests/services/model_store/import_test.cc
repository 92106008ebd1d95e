#include "services/model_store/import.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "services/model_store/file_digest.h"
#include "tests/services/model_store/tiny_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::model_store {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

bool GoOn(int64_t, int64_t) { return true; }

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    request_.import_folder = folder_->path() + "/import";
    request_.models_folder = folder_->path() + "/models";
    request_.source = "tiny";
    request_.id = "tiny-1";
    request_.imported_by = "admin";
    request_.now_unix_ms = 17;
    source_ = request_.import_folder + "/tiny";
    ASSERT_OK(hadal::testing::WriteTinyModel(source_, {.hidden = 256, .vocabulary = 9000}));
  }

  std::vector<std::string> InModels() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(request_.models_folder)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  /// Imports in another process, which is killed after `bytes`.
  void ImportAndKill(int64_t bytes) const {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int64_t done = 0;
      const auto result = ImportModel(request_, [&](int64_t size, int64_t) {
        done += size;
        if (done >= bytes) ::kill(::getpid(), SIGKILL);
        return true;
      });
      ::_exit(result.ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  std::unique_ptr<TempDir> folder_;
  std::string source_;
  ImportRequest request_;
};

TEST_F(ImportTest, CopiesChecksAndDescribes) {
  int64_t done = 0;
  int64_t total = 0;
  ASSERT_OK_AND_ASSIGN(const ImportResult result,
                       ImportModel(request_, [&](int64_t bytes, int64_t all) {
                         done += bytes;
                         total = all;
                         return true;
                       }));
  EXPECT_EQ(done, total);
  EXPECT_EQ(result.copied_bytes, total);
  EXPECT_EQ(result.resumed_bytes, 0);
  EXPECT_THAT(InModels(), ::testing::ElementsAre("tiny-1"));
  const std::string folder = request_.models_folder + "/tiny-1";
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, ReadManifest(folder));
  EXPECT_EQ(FormatManifest(manifest), FormatManifest(result.manifest));
  EXPECT_FALSE(manifest.embedding);
  EXPECT_EQ(manifest.architecture, "llama");
  EXPECT_EQ(manifest.chat_template_sha256.size(), 64u);
  EXPECT_EQ(manifest.imported_by, "admin");
  EXPECT_OK(RequireFiles(folder, manifest, [](int64_t) { return true; }));
  EXPECT_STATUS(ImportModel(request_, GoOn).status(), kAlreadyExists, "tiny-1");
}

TEST_F(ImportTest, AKilledOneIsContinued) {
  ImportAndKill(6 << 20);
  EXPECT_THAT(InModels(), ::testing::ElementsAre(".import-tiny-1"));
  ASSERT_OK_AND_ASSIGN(const ImportResult result, ImportModel(request_, GoOn));
  EXPECT_GE(result.resumed_bytes, 4 << 20);
  EXPECT_EQ(result.resumed_bytes + result.copied_bytes, result.manifest.total_bytes());
  EXPECT_OK(RequireFiles(request_.models_folder + "/tiny-1", result.manifest,
                         [](int64_t) { return true; }));
}

// What a crash left may be damaged, or of a source that is another one now.
TEST_F(ImportTest, WhatDiffersFromTheSourceIsCopiedAgain) {
  ImportAndKill(6 << 20);
  const std::string staging = StagingFolder(request_.models_folder, request_.id);
  ASSERT_OK_AND_ASSIGN(std::string weights, ReadFile(staging + "/model.safetensors"));
  weights[weights.size() / 2] ^= 1;
  ASSERT_OK(WriteFileAtomic(staging + "/model.safetensors", weights + std::string(1 << 24, 'x')));
  ASSERT_OK(WriteFileAtomic(staging + "/vocab.txt", "of another source"));
  ASSERT_OK_AND_ASSIGN(const ImportResult result, ImportModel(request_, GoOn));
  ASSERT_OK_AND_ASSIGN(const std::string expected, ReadFile(source_ + "/model.safetensors"));
  ASSERT_OK_AND_ASSIGN(const std::string found,
                       ReadFile(request_.models_folder + "/tiny-1/model.safetensors"));
  EXPECT_TRUE(found == expected);
  EXPECT_FALSE(fs::exists(request_.models_folder + "/tiny-1/vocab.txt"));
}

TEST_F(ImportTest, AnythingThatFailsLeavesNothing) {
  const auto fails = [&](StatusCode code, const char* why) {
    const auto result = ImportModel(request_, GoOn);
    EXPECT_EQ(result.status().code(), code) << result.status();
    EXPECT_THAT(StatusMessage(result.status()), ::testing::HasSubstr(why));
    EXPECT_THAT(InModels(), IsEmpty());
  };
  ASSERT_OK_AND_ASSIGN(const std::string config, ReadFile(source_ + "/config.json"));
  ASSERT_OK(WriteFileAtomic(source_ + "/config.json", "{\"model_type\": 5}"));
  fails(StatusCode::kInvalidArgument, "config.json");
  // The file says 1000 rows, the weights have 512.
  auto json = nlohmann::json::parse(config);
  json["intermediate_size"] = 1000;
  ASSERT_OK(WriteFileAtomic(source_ + "/config.json", json.dump()));
  fails(StatusCode::kInvalidArgument, "blk.0.ffn_gate.weight");
  ASSERT_OK(WriteFileAtomic(source_ + "/config.json", config));

  ASSERT_OK(WriteFileAtomic(source_ + "/tokenizer_config.json", "{\"chat_template\": \"{{x}}\"}"));
  fails(StatusCode::kInvalidArgument, "chat template");
  ASSERT_OK(hadal::testing::WriteTinyTokenizer(source_, {}));
  ASSERT_EQ(::truncate((source_ + "/model.safetensors").c_str(), 1 << 20), 0);
  fails(StatusCode::kInvalidArgument, "model.safetensors");
  request_.id = "../up";
  fails(StatusCode::kInvalidArgument, "id");
}

TEST_F(ImportTest, ACancelledOneLeavesNothing) {
  int64_t done = 0;
  const auto result = ImportModel(request_, [&](int64_t bytes, int64_t) {
    done += bytes;
    return done < (5 << 20);
  });
  EXPECT_STATUS(result.status(), kCancelled, "cancelled");
  EXPECT_THAT(InModels(), IsEmpty());
}

TEST_F(ImportTest, TwoProcessesDoNotShareOneImport) {
  const auto first = ImportModel(request_, [&](int64_t, int64_t) {
    EXPECT_STATUS(ImportModel(request_, GoOn).status(), kFailedPrecondition, "another process");
    return true;
  });
  EXPECT_OK(first.status());
}

TEST_F(ImportTest, AFullDiskIsRefusedBeforeAndDuring) {
  ASSERT_OK(MakeDirectories(request_.models_folder));
  if (::mount("none", request_.models_folder.c_str(), "tmpfs", 0, "size=8m") != 0) {
    GTEST_SKIP() << "mounting a tmpfs needs root";
  }
  EXPECT_STATUS(ImportModel(request_, GoOn).status(), kResourceExhausted, "8 MiB are free");
  EXPECT_THAT(InModels(), IsEmpty());
  // Enough at the check, full a moment later.
  ASSERT_EQ(::mount("none", request_.models_folder.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  const std::string filler = request_.models_folder + "/filler";
  const auto result = ImportModel(request_, [&](int64_t, int64_t) {
    if (!fs::exists(filler)) {
      const UniqueFd fd(::open(filler.c_str(), O_WRONLY | O_CREAT, 0600));
      EXPECT_EQ(::posix_fallocate(fd.get(), 0, 54 << 20), 0);
    }
    return true;
  });
  EXPECT_STATUS(result.status(), kResourceExhausted, "cannot write");
  EXPECT_THAT(InModels(), ::testing::ElementsAre("filler"));
  EXPECT_EQ(::umount(request_.models_folder.c_str()), 0);
}

}  // namespace
}  // namespace hadal::model_store
