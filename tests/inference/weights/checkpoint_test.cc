#include "inference/weights/checkpoint.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "inference/weights/hf_checkpoint.h"
#include "inference/weights/model_config.h"
#include "tests/inference/weights/gguf_writer.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

nlohmann::json QwenConfig() {
  return {{"model_type", "qwen2"},
          {"hidden_size", 8},
          {"intermediate_size", 16},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"vocab_size", 4},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 1e6},
          {"max_position_embeddings", 64},
          {"tie_word_embeddings", true},
          {"hidden_act", "silu"}};
}

Status ParseWith(const char* field, const nlohmann::json& value) {
  nlohmann::json config = QwenConfig();
  if (value.is_discarded()) {
    config.erase(field);
  } else {
    config[field] = value;
  }
  return ParseHfConfig(config.dump(), "config.json").status();
}

TEST(HfConfig, ReadsQwen2) {
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseHfConfig(QwenConfig().dump(), "c"));
  EXPECT_EQ(config.architecture, "qwen2");
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.rope_theta, 1e6f);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_FALSE(config.rope_interleaved);
}

TEST(HfConfig, RefusesByName) {
  const nlohmann::json absent = nlohmann::json::value_t::discarded;
  EXPECT_OK(ParseWith("use_sliding_window", false));
  for (const char* field : {"hidden_size", "intermediate_size", "num_hidden_layers",
                            "num_attention_heads", "vocab_size", "max_position_embeddings"}) {
    EXPECT_STATUS(ParseWith(field, absent), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(field, "8"), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(field, -1), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(field, 1.5), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(field, UINT64_MAX), kInvalidArgument, field);
    EXPECT_EQ(ParseWith(field, 0).code(), StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(ParseWith(field, INT32_MAX).code(), StatusCode::kInvalidArgument) << field;
  }
  EXPECT_STATUS(ParseWith("hidden_act", "relu"), kInvalidArgument, "hidden_act");
  EXPECT_STATUS(ParseWith("use_sliding_window", true), kInvalidArgument, "use_sliding_window");
  EXPECT_STATUS(ParseWith("rope_scaling", {{"type", "yarn"}}), kInvalidArgument, "yarn");
  EXPECT_STATUS(ParseWith("rope_theta", 0), kInvalidArgument, "rotary base");
  EXPECT_STATUS(ParseWith("rms_norm_eps", -1), kInvalidArgument, "epsilon");
  EXPECT_STATUS(ParseWith("num_key_value_heads", 3), kInvalidArgument, "key/value heads");
  EXPECT_STATUS(ParseWith("quantization_config", {{"bits", 4}}), kInvalidArgument,
                "quantization_config");
  EXPECT_STATUS(ParseWith("model_type", "gpt9"), kUnimplemented, "gpt9");
  EXPECT_STATUS(ParseHfConfig("[]", "c"), kInvalidArgument, "object");
  EXPECT_STATUS(ParseHfConfig("{", "c"), kInvalidArgument, "object");
}

TEST(HfConfig, Llama3FactorsKeepShortWavelengthsAndStretchLongOnes) {
  const Llama3Scaling scaling{8, 1, 4, 8192};
  const std::vector<float> factors = Llama3FreqFactors(scaling, 500000, 128);
  ASSERT_EQ(factors.size(), 64u);
  EXPECT_EQ(factors.front(), 1.0f);
  EXPECT_EQ(factors.back(), 8.0f);
  EXPECT_TRUE(std::is_sorted(factors.begin(), factors.end()));
}

TEST(HfNames, MapsToGguf) {
  EXPECT_EQ(GgufName("qwen2", "model.layers.12.self_attn.q_proj.bias"), "blk.12.attn_q.bias");
  EXPECT_EQ(GgufName("llama", "lm_head.weight"), "output.weight");
  EXPECT_EQ(GgufName("bert", "bert.encoder.layer.3.output.LayerNorm.bias"),
            "blk.3.layer_output_norm.bias");
  EXPECT_EQ(GgufName("bert", "roberta.embeddings.LayerNorm.weight"), "token_embd_norm.weight");
  EXPECT_EQ(GgufName("bert", "pooler.dense.weight"), "pooler.dense.weight");
}

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    Write("config.json", QwenConfig().dump());
  }
  void Write(const std::string& name, const std::string& content) {
    std::ofstream(dir_->path() + "/" + name, std::ios::binary) << content;
  }
  void Shard(const std::string& name, const std::string& tensor, std::vector<int64_t> shape) {
    size_t bytes = 4;
    for (int64_t dim : shape) bytes *= static_cast<size_t>(dim);
    ASSERT_OK(WriteSafetensors(dir_->path() + "/" + name,
                               {{tensor, SafetensorsType::kF32, shape, std::string(bytes, '\0')}}));
  }
  void Index(const nlohmann::json& map) {
    Write("model.safetensors.index.json", nlohmann::json{{"weight_map", map}}.dump());
  }
  std::unique_ptr<TempDir> dir_;
};

TEST_F(FolderTest, OneFileAndShards) {
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kNotFound, "model.safetensors");
  Shard("model.safetensors", "model.embed_tokens.weight", {4, 8});
  ASSERT_OK_AND_ASSIGN(auto checkpoint, Checkpoint::Open(dir_->path()));
  EXPECT_TRUE(checkpoint->Has("token_embd.weight"));
  EXPECT_OK(checkpoint->Get("token_embd.weight", {4, 8}));
  EXPECT_STATUS(checkpoint->Get("token_embd.weight", {8, 4}), kInvalidArgument, "[4, 8]");
  EXPECT_STATUS(checkpoint->Get("output.weight", {4, 8}), kNotFound, "output.weight");
  Shard("b.safetensors", "model.norm.weight", {8});
  Index(
      {{"model.embed_tokens.weight", "model.safetensors"}, {"model.norm.weight", "b.safetensors"}});
  ASSERT_OK_AND_ASSIGN(checkpoint, Checkpoint::Open(dir_->path()));
  EXPECT_EQ(checkpoint->names(),
            (std::vector<std::string>{"output_norm.weight", "token_embd.weight"}));
}

TEST_F(FolderTest, RefusesBadIndex) {
  Shard("a.safetensors", "model.embed_tokens.weight", {4, 8});
  Index({{"model.embed_tokens.weight", "../a.safetensors"}});
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kInvalidArgument, "plain file name");
  Index({{"model.norm.weight", "a.safetensors"}});
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kInvalidArgument, "as the index says");
  Index({{"model.norm.weight", 7}});
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kInvalidArgument, "names no file");
  Index("text");
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kInvalidArgument, "weight_map");
}

TEST_F(FolderTest, RefusesEmbeddingOfAnotherShape) {
  Shard("model.safetensors", "model.embed_tokens.weight", {5, 8});
  EXPECT_STATUS(Checkpoint::Open(dir_->path()), kInvalidArgument, "embedding matrix");
}

TEST_F(FolderTest, GgufConfigIsChecked) {
  auto gguf = [](uint32_t heads) {
    testing::GgufWriter writer;
    writer.Text("general.architecture", "llama").U32("llama.block_count", 1);
    writer.U32("llama.embedding_length", 8).U32("llama.attention.head_count", heads);
    writer.U32("llama.feed_forward_length", 16).U32("llama.context_length", 64);
    writer.F32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    writer.Tensor("token_embd.weight", {8, 4}, 0, 0);
    return writer.Data(std::string(128, '\0')).Bytes();
  };
  Write("m.gguf", gguf(2));
  ASSERT_OK_AND_ASSIGN(auto checkpoint, Checkpoint::Open(dir_->path() + "/m.gguf"));
  EXPECT_TRUE(checkpoint->config().rope_interleaved);
  EXPECT_TRUE(checkpoint->config().tied_embeddings);
  EXPECT_EQ(checkpoint->config().vocabulary, 4);
  Write("m.gguf", gguf(0));
  EXPECT_STATUS(Checkpoint::Open(dir_->path() + "/m.gguf"), kInvalidArgument, "attention heads");
  Write("m.gguf", testing::GgufWriter().Text("general.architecture", "rwkv").Bytes());
  EXPECT_STATUS(Checkpoint::Open(dir_->path() + "/m.gguf"), kUnimplemented, "rwkv");
}

TEST(GoldenCheckpoints, Open) {
  const std::string models = SharedPath("golden/models/");
  for (const char* name :
       {"qwen2-tiny-tied", "qwen2-tiny-untied", "llama-tiny", "qwen2_moe-tiny"}) {
    auto checkpoint = Checkpoint::Open(models + name);
    if (checkpoint.status().code() == StatusCode::kNotFound) GTEST_SKIP() << models << " is absent";
    ASSERT_OK(checkpoint);
    const ModelConfig& config = (*checkpoint)->config();
    EXPECT_OK((*checkpoint)
                  ->Get("blk.0.attn_q.weight",
                        {int64_t{config.num_heads} * config.head_dim, config.hidden_dim}));
    EXPECT_EQ((*checkpoint)->Has("output.weight"), !config.tied_embeddings) << name;
    EXPECT_EQ(config.rope_freq_factors.empty(), config.architecture != "llama");
  }
}

TEST(GoldenCheckpoints, DefaultModels) {
  for (const char* name : {"qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                           "smollm2-135m-instruct-q4_1.gguf", "all-minilm-l6-v2"}) {
    auto checkpoint = Checkpoint::Open(ModelPath(name));
    if (checkpoint.status().code() == StatusCode::kNotFound) GTEST_SKIP() << name << " is absent";
    ASSERT_OK(checkpoint);
    const ModelConfig& config = (*checkpoint)->config();
    EXPECT_OK((*checkpoint)->Get("blk.0.ffn_up.weight", {config.ffn_dim, config.hidden_dim}));
  }
}

}  // namespace
}  // namespace hadal::inference
