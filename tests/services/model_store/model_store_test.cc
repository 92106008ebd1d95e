#include "services/model_store/model_store.h"

#include <filesystem>

#include "base/file.h"
#include "inference/tokenizer.h"
#include "services/model_store/checkpoint_facts.h"
#include "services/model_store/import.h"
#include "tests/services/model_store/tiny_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::model_store {
namespace {

class ModelStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    ASSERT_OK(hadal::testing::WriteTinyModel(folder_->path() + "/import/tiny"));
    store_.emplace(folder_->path() + "/models");
  }
  Status Import(const std::string& id) const {
    return ImportModel({.import_folder = folder_->path() + "/import",
                        .source = "tiny",
                        .models_folder = store_->folder(),
                        .id = id},
                       [](int64_t, int64_t) { return true; })
        .status();
  }

  std::unique_ptr<TempDir> folder_;
  std::optional<ModelStore> store_;
};

TEST_F(ModelStoreTest, ListsWhatIsThere) {
  EXPECT_TRUE(store_->List().models.empty());  // not even a folder
  ASSERT_OK(Import("b"));
  ASSERT_OK(Import("a"));
  ASSERT_OK(Import("broken"));
  ASSERT_OK(WriteFileAtomic(store_->folder() + "/broken/manifest.json", "{}"));
  ASSERT_OK(MakeDirectories(store_->folder() + "/.import-c"));
  ASSERT_OK(MakeDirectories(store_->folder() + "/loose"));  // the operator's own
  const StoreListing listing = store_->List();
  ASSERT_EQ(listing.models.size(), 2u);
  EXPECT_EQ(listing.models[0].manifest.id, "a");
  EXPECT_EQ(listing.models[1].manifest.id, "b");
  ASSERT_EQ(listing.broken.size(), 1u);
  EXPECT_EQ(listing.broken[0].id, "broken");
  EXPECT_STATUS(listing.broken[0].reason, kInvalidArgument, "format is missing");
  EXPECT_THAT(listing.interrupted, ::testing::ElementsAre("c"));
}

TEST_F(ModelStoreTest, RemovesModelsAndKilledImportsOnly) {
  ASSERT_OK(Import("a"));
  ASSERT_OK(MakeDirectories(store_->folder() + "/.import-c"));
  ASSERT_OK(MakeDirectories(store_->folder() + "/loose"));
  ASSERT_OK_AND_ASSIGN(const int64_t freed, store_->Remove("a"));
  EXPECT_GT(freed, 100'000);
  EXPECT_STATUS(store_->Find("a").status(), kNotFound, "a");
  ASSERT_OK(store_->Remove("c"));
  EXPECT_STATUS(store_->Remove("loose").status(), kNotFound, "loose");
  EXPECT_STATUS(store_->Remove("../models").status(), kInvalidArgument, "id");
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(store_->folder())) {
    left.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(left, ::testing::ElementsAre("loose"));
}

TEST_F(ModelStoreTest, AKilledRemovalIsFinished) {
  ASSERT_OK(MakeDirectories(store_->folder() + "/.removed-a/deep"));
  store_->FinishRemovals();
  EXPECT_FALSE(std::filesystem::exists(store_->folder() + "/.removed-a"));
}

// The same vocabulary in other weights is the same; one more token is another.
TEST_F(ModelStoreTest, TokenizersAreToldApartByTheirVocabulary) {
  const auto digest = [&](const char* name, const hadal::testing::TinyModel& model) {
    const std::string path = folder_->path() + "/" + name;
    EXPECT_OK(hadal::testing::WriteTinyModel(path, model));
    const auto facts = ReadCheckpointFacts(path);
    EXPECT_OK(facts.status());
    return facts.ok() ? facts->tokenizer_sha256 : "";
  };
  const std::string one = digest("one", {});
  EXPECT_EQ(digest("two", {.seed = 2}), one);
  EXPECT_NE(digest("three", {.extra_token = "<|tool|>"}), one);
}

}  // namespace
}  // namespace hadal::model_store
