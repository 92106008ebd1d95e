#include "services/inference/config.h"

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create()); }
  Status Read(const std::string& text, InferenceConfig& config) {
    const std::string path = folder_->path() + "/inference.toml";
    RETURN_IF_ERROR(WriteFileAtomic(path, text));
    return ReadConfigFile(path, config);
  }
  std::unique_ptr<TempDir> folder_;
};

TEST_F(ConfigTest, ReadsWhatTheFileNames) {
  InferenceConfig config;
  ASSERT_OK(Read(R"(
    [inference]
    data = "/srv/hadal"
    threads = 3
    kv_cache_dtype = "int8"
    max_waiting = 7
    [[inference.models]]
    id = "small"
    path = "smollm2.gguf"
    [[inference.models]]
    path = "minilm"
    kind = "embedding"
  )",
                 config));
  EXPECT_EQ(config.data_folder, "/srv/hadal");
  EXPECT_EQ(config.threads, 3);
  EXPECT_EQ(EngineOptionsOf(config).kv_dtype, inference::KvDtype::kI8);
  EXPECT_EQ(EngineOptionsOf(InferenceConfig()).kv_dtype, inference::KvDtype::kF16);
  EXPECT_EQ(config.max_waiting, 7);
  EXPECT_EQ(config.max_running, InferenceConfig().max_running);
  ASSERT_EQ(config.models.size(), 2u);
  EXPECT_EQ(config.models[0].id, "small");
  EXPECT_EQ(config.models[1].kind, ModelKind::kEmbedding);
}

TEST_F(ConfigTest, SaysWhatIsWrongAndWhere) {
  InferenceConfig config;
  EXPECT_STATUS(Read("inference.max_runing = 3", config), kInvalidArgument,
                "unknown key max_runing");
  EXPECT_STATUS(Read("inference.threads = \"two\"", config), kInvalidArgument,
                "threads must be a whole");
  EXPECT_STATUS(Read("inference.threads = 1.5", config), kInvalidArgument,
                "threads must be a whole");
  EXPECT_STATUS(Read("inference.listen = 5", config), kInvalidArgument, "listen must be a string");
  EXPECT_STATUS(Read("inference.models = 5", config), kInvalidArgument, "[[inference.models]]");
  EXPECT_STATUS(Read("[[inference.models]]\nid = \"x\"", config), kInvalidArgument, "no path");
  EXPECT_STATUS(Read("[[inference.models]]\npath = \"x\"\nkind = \"tts\"", config),
                kInvalidArgument, "models.kind");
  EXPECT_STATUS(Read("[[inference.models]]\npath = \"x\"\nsize = \"x\"", config), kInvalidArgument,
                "models.size");
  EXPECT_STATUS(Read("inference.threads = 1\nlisten = = 2", config), kInvalidArgument, "line 2");
  EXPECT_STATUS(Read("inference.threads = = 2", config), kInvalidArgument, "line 1");
  EXPECT_STATUS(Read("inference.threads = = 2", config), kInvalidArgument, "inference.toml");
  EXPECT_STATUS(ReadConfigFile(folder_->path() + "/none.toml", config), kNotFound, "none.toml");
}

TEST_F(ConfigTest, WhatIsPrintedCanBeReadAgain) {
  InferenceConfig config;
  config.data_folder = "/srv/with \"quotes\" and \\";
  config.max_batch_tokens = 99;
  config.models.push_back({"a", "b.gguf", ModelKind::kEmbedding});
  InferenceConfig again;
  ASSERT_OK(Read(FormatConfig(config), again));
  EXPECT_EQ(again.data_folder, config.data_folder);
  EXPECT_EQ(again.max_batch_tokens, 99);
  EXPECT_EQ(FormatConfig(again), FormatConfig(config));
}

TEST_F(ConfigTest, ValidatesRangesAndFolders) {
  InferenceConfig config;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "--data");
  config.data_folder = "/d";
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "--models");
  config.models_folder = "/m";
  EXPECT_OK(ValidateConfig(config));
  config.max_running = 0;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "max_running is 0; it must be 1 to");
  config.max_running = 600;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "less than max_running 600");
  config = {.data_folder = "/d", .models_folder = "/m", .kv_cache_dtype = "q4"};
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "kv_cache_dtype: \"q4\" is no type");
}

TEST(ModelIdFromPath, DropsFolderExtensionAndQuantisation) {
  EXPECT_EQ(ModelIdFromPath("/m/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
            "qwen2.5-coder-0.5b-instruct");
  EXPECT_EQ(ModelIdFromPath("multilingual-e5-small-q4_0.gguf"), "multilingual-e5-small");
  EXPECT_EQ(ModelIdFromPath("SmolLM2-135M-Instruct.Q4_1.gguf"), "SmolLM2-135M-Instruct");
  EXPECT_EQ(ModelIdFromPath("models/all-minilm-l6-v2/"), "all-minilm-l6-v2");
  EXPECT_EQ(ModelIdFromPath("llama-8b-bf16.gguf"), "llama-8b");
  EXPECT_EQ(ModelIdFromPath("r1-671b-iq2_xs.gguf"), "r1-671b");
  EXPECT_EQ(ModelIdFromPath("r1-q8.gguf"), "r1");
  EXPECT_EQ(ModelIdFromPath("model-q.gguf"), "model-q");
  EXPECT_EQ(ModelIdFromPath("qwen2.5"), "qwen2.5");
}

TEST(ModelsToServe, ListsTheDefaultsFirstAndRefusesEqualIds) {
  InferenceConfig config;
  config.models_folder = "/m";
  config.models = {{"", "smol-q8_0.gguf", ModelKind::kChat},
                   {"other", "/abs/x.gguf", ModelKind::kChat}};
  ASSERT_OK_AND_ASSIGN(const auto entries, ModelsToServe(config));
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].id, "qwen2.5-coder-0.5b-instruct");
  EXPECT_EQ(entries[0].path, "/m/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  EXPECT_EQ(entries[1].id, "multilingual-e5-small");
  EXPECT_EQ(entries[2].id, "smol");
  EXPECT_EQ(entries[3].path, "/abs/x.gguf");
  config.models.push_back({"other", "y.gguf", ModelKind::kChat});
  EXPECT_STATUS(ModelsToServe(config), kInvalidArgument, "two models have the id other");
}

}  // namespace
}  // namespace hadal::inference_service
