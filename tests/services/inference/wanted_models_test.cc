#include "services/inference/wanted_models.h"

#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

class WantedModelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    path_ = folder_->path() + "/inference/models.json";
  }
  std::unique_ptr<TempDir> folder_;
  std::string path_;
};

TEST_F(WantedModelsTest, SurvivesARestart) {
  ASSERT_OK_AND_ASSIGN(WantedModels wanted, WantedModels::Read(path_));
  EXPECT_TRUE(wanted.loaded().empty());
  ASSERT_OK(wanted.Load("a", ""));
  ASSERT_OK(wanted.Load("b", "a"));
  ASSERT_OK(wanted.Unload("a"));
  ASSERT_OK(wanted.Unload("default"));
  ASSERT_OK_AND_ASSIGN(const WantedModels again, WantedModels::Read(path_));
  EXPECT_EQ(again.loaded(), (std::map<std::string, std::string>{{"b", "a"}}));
  EXPECT_TRUE(again.IsUnloaded("default"));
  EXPECT_FALSE(again.IsUnloaded("b"));
}

TEST_F(WantedModelsTest, LoadingAgainTakesUnloadingBack) {
  ASSERT_OK_AND_ASSIGN(WantedModels wanted, WantedModels::Read(path_));
  ASSERT_OK(wanted.Unload("default"));
  ASSERT_OK(wanted.Load("default", ""));
  EXPECT_FALSE(wanted.IsUnloaded("default"));
}

TEST_F(WantedModelsTest, WhatCannotBeKeptIsNotWanted) {
  ASSERT_OK_AND_ASSIGN(WantedModels wanted, WantedModels::Read(path_));
  ASSERT_OK(WriteFileAtomic(folder_->path() + "/inference", "a file where the folder belongs"));
  EXPECT_FALSE(wanted.Load("a", "").ok());
  EXPECT_TRUE(wanted.loaded().empty());
}

TEST_F(WantedModelsTest, ADamagedFileIsNamed) {
  ASSERT_OK(MakeDirectories(folder_->path() + "/inference"));
  for (const char* text :
       {"", "{", "[]", "{\"loaded\": {}}", "{\"loaded\": [], \"unloaded\": []}",
        "{\"loaded\": {\"a\": 1}, \"unloaded\": []}", "{\"loaded\": {}, \"unloaded\": [1]}"}) {
    ASSERT_OK(WriteFileAtomic(path_, text));
    SCOPED_TRACE(text);
    EXPECT_STATUS(WantedModels::Read(path_).status(), kInvalidArgument, "models.json");
  }
}

}  // namespace
}  // namespace hadal::inference_service
