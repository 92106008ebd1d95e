#include "inference/weights/qwen2_moe_config.h"

#include <nlohmann/json.hpp>

#include "inference/weights/model_config.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

StatusOr<ModelConfig> ParseWith(const char* field, const nlohmann::json& value) {
  nlohmann::json config = {{"model_type", "qwen2_moe"},
                           {"hidden_size", 8},
                           {"intermediate_size", 16},
                           {"num_hidden_layers", 6},
                           {"num_attention_heads", 2},
                           {"vocab_size", 4},
                           {"max_position_embeddings", 64},
                           {"num_experts", 8},
                           {"num_experts_per_tok", 3},
                           {"moe_intermediate_size", 4},
                           {"shared_expert_intermediate_size", 12}};
  config[field] = value;
  if (value.is_null()) config.erase(field);
  return ParseHfConfig(config.dump(), "config.json");
}

std::vector<int32_t> LayersWithExperts(const ModelConfig& config) {
  std::vector<int32_t> layers;
  for (int32_t i = 0; i < config.num_layers; ++i) {
    if (config.HasExperts(i)) layers.push_back(i);
  }
  return layers;
}

TEST(Qwen2MoeConfig, Reads) {
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseWith("norm_topk_prob", true));
  EXPECT_EQ(config.architecture, "qwen2_moe");
  EXPECT_EQ(config.moe.num_experts, 8);
  EXPECT_EQ(config.moe.experts_per_token, 3);
  EXPECT_EQ(config.moe.expert_ffn_dim, 4);
  EXPECT_EQ(config.moe.shared_ffn_dim, 12);
  EXPECT_TRUE(config.moe.gated_shared);
  EXPECT_TRUE(config.moe.normalize_weights);
  EXPECT_EQ(config.moe.gate, ExpertGate::kSoftmax);
  EXPECT_EQ(LayersWithExperts(config), (std::vector<int32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Qwen2MoeConfig, SomeLayersAreDense) {
  ASSERT_OK_AND_ASSIGN(ModelConfig config, ParseWith("decoder_sparse_step", 2));
  EXPECT_EQ(LayersWithExperts(config), (std::vector<int32_t>{1, 3, 5}));
  ASSERT_OK_AND_ASSIGN(config, ParseWith("mlp_only_layers", {5, 0}));
  EXPECT_EQ(LayersWithExperts(config), (std::vector<int32_t>{1, 2, 3, 4}));
}

TEST(Qwen2MoeConfig, RefusesByName) {
  for (const char* field : {"num_experts", "num_experts_per_tok", "moe_intermediate_size",
                            "shared_expert_intermediate_size"}) {
    for (const nlohmann::json& value : {nlohmann::json(), nlohmann::json(0), nlohmann::json("8"),
                                        nlohmann::json(-1), nlohmann::json(INT32_MAX)}) {
      EXPECT_STATUS(ParseWith(field, value), kInvalidArgument, field);
    }
  }
  EXPECT_STATUS(ParseWith("num_experts_per_tok", 9), kInvalidArgument, "1..8");
  EXPECT_STATUS(ParseWith("decoder_sparse_step", 0), kInvalidArgument, "decoder_sparse_step");
  EXPECT_STATUS(ParseWith("qkv_bias", false), kInvalidArgument, "qkv_bias");
  EXPECT_STATUS(ParseWith("use_sliding_window", true), kInvalidArgument, "use_sliding_window");
  EXPECT_STATUS(ParseWith("hidden_act", "gelu"), kInvalidArgument, "hidden_act");
  for (const nlohmann::json& value :
       {nlohmann::json(3), nlohmann::json({-1}), nlohmann::json({1e3}), nlohmann::json({"0"})}) {
    EXPECT_STATUS(ParseWith("mlp_only_layers", value), kInvalidArgument, "mlp_only_layers");
  }
}

}  // namespace
}  // namespace hadal::inference
