#include "services/inference/model_host.h"

#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/services/model_store/tiny_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

using hadal::testing::TinyModel;
using hadal::testing::WriteTinyModel;

bool Never() { return false; }

/// One configured chat model, "first", and models to import: "tiny", "twin" (same tokenizer), "odd"
/// (another), "wide" (another vocabulary).
class ModelHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    config_.data_folder = folder_->path() + "/data";
    config_.models_folder = folder_->path() + "/models";
    config_.chat_model = "first";
    config_.embedding_model = "";
    config_.threads = 1;
    config_.kv_cache_mib = 8;
    ASSERT_OK(WriteTinyModel(config_.models_folder + "/first"));
    const std::string import = config_.data_folder + "/import";
    ASSERT_OK(WriteTinyModel(import + "/tiny"));
    ASSERT_OK(WriteTinyModel(import + "/twin", {.seed = 2}));
    ASSERT_OK(WriteTinyModel(import + "/odd", {.extra_token = "<|tool|>"}));
    ASSERT_OK(WriteTinyModel(import + "/wide", {.vocabulary = 320}));
    Start();
  }

  void Start() {
    host_.reset();
    served_ = std::make_shared<ServedModels>();
    ASSERT_OK_AND_ASSIGN(host_, ModelHost::Create(config_, served_));
    ASSERT_OK(host_->LoadAtStart());
  }

  Status Import(const std::string& source, const std::string& id = "") {
    v1::ImportModelRequest request;
    request.set_source(source);
    request.set_id(id);
    return host_->Import(request, "admin", Never).status();
  }

  v1::Model Show(const std::string& id) const {
    const v1::ListModelsResponse all = host_->List();
    for (const v1::Model& model : all.models()) {
      if (model.id() == id) return model;
    }
    return {};
  }
  std::string StateOf(const std::string& id) const { return Show(id).state(); }

  void Await(const std::string& id, const std::string& state) const {
    const absl::Time give_up = absl::Now() + absl::Seconds(60);
    while (StateOf(id) != state && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(2));
    EXPECT_EQ(StateOf(id), state);
  }

  void FlipAByte(const std::string& path) const {
    ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(path));
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_OK(WriteFileAtomic(path, bytes));
  }

  std::unique_ptr<TempDir> folder_;
  InferenceConfig config_;
  std::shared_ptr<ServedModels> served_;
  std::unique_ptr<ModelHost> host_;
};

TEST_F(ModelHostTest, ImportLoadUnloadRemove) {
  EXPECT_EQ(StateOf("first"), "serving");
  ASSERT_OK(Import("tiny"));
  EXPECT_EQ(StateOf("tiny"), "imported");
  EXPECT_EQ(Show("tiny").imported_by(), "admin");
  EXPECT_STATUS(served_->Find("tiny").status(), kNotFound, "tiny");
  ASSERT_OK(host_->Load("tiny", ""));
  EXPECT_EQ(StateOf("tiny"), "serving");
  EXPECT_GT(Show("tiny").memory_bytes(), 8 << 20);
  ASSERT_OK_AND_ASSIGN(const auto model, served_->Find("tiny", ModelKind::kChat));
  EXPECT_EQ(model->sha256, Show("tiny").sha256());
  EXPECT_STATUS(host_->Load("tiny", ""), kFailedPrecondition, "tiny is serving");
  EXPECT_STATUS(host_->Remove("tiny").status(), kFailedPrecondition, "tiny is serving");
}

TEST_F(ModelHostTest, UnloadWaitsForTheLastUserAndGivesTheBudgetBack) {
  ASSERT_OK(Import("tiny"));
  ASSERT_OK(host_->Load("tiny", ""));
  ASSERT_OK_AND_ASSIGN(ServedModels::Model user, served_->Find("tiny"));
  std::atomic<bool> unloaded = false;
  std::thread unload([&] {
    EXPECT_OK(host_->Unload("tiny", absl::Hours(1)));
    unloaded = true;
  });
  Await("tiny", "draining");
  EXPECT_STATUS(served_->Find("tiny").status(), kNotFound, "tiny");
  EXPECT_OK(served_->Find("first").status());
  EXPECT_STATUS(host_->Load("tiny", ""), kFailedPrecondition, "draining");
  EXPECT_FALSE(unloaded);
  EXPECT_FALSE(user->retired);  // its grace is an hour
  EXPECT_GT(Show("tiny").memory_bytes(), 0);
  user.reset();
  unload.join();
  EXPECT_EQ(StateOf("tiny"), "imported");
  EXPECT_EQ(Show("tiny").memory_bytes(), 0);
  ASSERT_OK(host_->Remove("tiny").status());
  EXPECT_EQ(StateOf("tiny"), "");
  EXPECT_FALSE(std::filesystem::exists(config_.models_folder + "/tiny"));
}

TEST_F(ModelHostTest, AfterItsGraceAUserIsToldToStop) {
  ASSERT_OK(Import("tiny"));
  ASSERT_OK(host_->Load("tiny", ""));
  ASSERT_OK_AND_ASSIGN(ServedModels::Model user, served_->Find("tiny"));
  std::thread unload([&] { EXPECT_OK(host_->Unload("tiny", absl::ZeroDuration())); });
  while (!user->retired) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_STATUS(user->Retired(), kNotFound, "tiny was unloaded");
  user.reset();
  unload.join();
}

TEST_F(ModelHostTest, WhatWasLoadedAndUnloadedStaysSoAfterARestart) {
  ASSERT_OK(Import("tiny"));
  ASSERT_OK(host_->Load("tiny", ""));
  ASSERT_OK(host_->Unload("first", absl::ZeroDuration()));
  Start();
  Await("tiny", "serving");
  EXPECT_EQ(StateOf("first"), "unloaded");
  ASSERT_OK(host_->Load("first", ""));
  EXPECT_EQ(Show("first").sha256().size(), 64u);  // its file may have changed: digested again
  ASSERT_OK(host_->Unload("tiny", absl::ZeroDuration()));
  Start();
  EXPECT_EQ(StateOf("first"), "serving");
  EXPECT_EQ(StateOf("tiny"), "imported");
}

TEST_F(ModelHostTest, AChangedByteIsRefusedByLoadVerifyAndStart) {
  ASSERT_OK(Import("tiny"));
  ASSERT_OK(host_->Load("tiny", ""));
  FlipAByte(config_.models_folder + "/tiny/model.safetensors");
  ASSERT_OK_AND_ASSIGN(const auto files, host_->Verify("tiny", Never));
  for (const auto& file : files) {
    EXPECT_EQ(file.problem.empty(), file.name != "model.safetensors") << file.name;
  }
  Start();  // the others are served all the same
  EXPECT_EQ(StateOf("first"), "serving");
  Await("tiny", "failed");
  EXPECT_THAT(Show("tiny").reason(), ::testing::HasSubstr("model.safetensors of the model tiny"));
  EXPECT_STATUS(host_->Load("tiny", ""), kDataLoss, "model.safetensors");
  EXPECT_EQ(Show("tiny").memory_bytes(), 0);
  ASSERT_OK(host_->Unload("tiny", absl::ZeroDuration()));  // forgets it
  EXPECT_EQ(StateOf("tiny"), "imported");
  Start();
  EXPECT_EQ(StateOf("tiny"), "imported");
  EXPECT_OK(host_->Remove("tiny").status());
}

TEST_F(ModelHostTest, TheBudgetHoldsForAllTogether) {
  ASSERT_OK(Import("tiny"));
  ASSERT_OK(Import("twin"));
  ASSERT_OK(host_->Load("tiny", ""));
  const int64_t each = Show("tiny").memory_bytes();
  ASSERT_OK(host_->Unload("tiny", absl::ZeroDuration()));
  config_.memory_budget_mib = (Show("first").memory_bytes() + each + (1 << 20)) >> 20;
  Start();
  ASSERT_OK(host_->Load("twin", ""));
  EXPECT_STATUS(host_->Load("tiny", ""), kResourceExhausted, "MiB for models");
  EXPECT_EQ(StateOf("tiny"), "failed");
  ASSERT_OK(host_->Unload("twin", absl::ZeroDuration()));
  EXPECT_OK(host_->Load("tiny", ""));
}

TEST_F(ModelHostTest, ADraftMustSpeakTheSameTokens) {
  for (const char* id : {"tiny", "odd", "wide"}) ASSERT_OK(Import(id));
  EXPECT_STATUS(host_->Load("tiny", "odd"), kFailedPrecondition, "SHA-256 of its tokenizer");
  EXPECT_STATUS(host_->Load("tiny", "wide"), kFailedPrecondition, "320 tokens, the other 300");
  EXPECT_STATUS(host_->Load("tiny", "nobody"), kNotFound, "nobody");
  EXPECT_STATUS(host_->Load("tiny", "tiny"), kFailedPrecondition, "itself");
}

TEST_F(ModelHostTest, WhatIsNotThereOrConfiguredIsRefused) {
  EXPECT_STATUS(host_->Load("nobody", ""), kNotFound, "nobody");
  EXPECT_EQ(StateOf("nobody"), "");
  EXPECT_STATUS(host_->Load("../models/first", ""), kInvalidArgument, "id");
  EXPECT_STATUS(host_->Unload("nobody", absl::ZeroDuration()), kFailedPrecondition, "not served");
  EXPECT_STATUS(host_->Remove("first").status(), kFailedPrecondition, "configuration");
  EXPECT_STATUS(host_->Verify("first", Never).status(), kFailedPrecondition, "not imported");
  EXPECT_STATUS(Import("tiny", "first"), kAlreadyExists, "first");
  EXPECT_STATUS(Import("../models/first", "x"), kPermissionDenied, "leads out");
}

TEST_F(ModelHostTest, OneImportAtATime) {
  v1::ImportModelRequest request;
  request.set_source("tiny");
  bool asked = false;
  const auto result = host_->Import(request, "admin", [&] {
    asked = true;
    EXPECT_EQ(StateOf("tiny"), "importing");
    EXPECT_STATUS(Import("twin"), kFailedPrecondition, "tiny is being imported");
    return false;
  });
  EXPECT_OK(result.status());
  EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace hadal::inference_service
