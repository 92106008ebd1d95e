#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/hf_checkpoint.h"
#include "inference/weights/model_config.h"
#include "inference/weights/safetensors.h"
#include "inference/weights/yarn.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;

json V3Config() {
  return json::parse(R"({"model_type": "deepseek_v3", "attention_bias": false,
    "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 8, "intermediate_size": 16,
    "kv_lora_rank": 4, "max_position_embeddings": 163840, "moe_intermediate_size": 6,
    "moe_layer_freq": 1, "n_group": 4, "n_routed_experts": 16, "n_shared_experts": 1,
    "norm_topk_prob": true, "num_attention_heads": 2, "num_experts_per_tok": 4,
    "num_hidden_layers": 3, "num_key_value_heads": 2, "num_nextn_predict_layers": 1,
    "q_lora_rank": 5, "qk_nope_head_dim": 4, "qk_rope_head_dim": 2, "rms_norm_eps": 1e-6,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0,
      "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"},
    "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
    "tie_word_embeddings": false, "topk_group": 2, "topk_method": "noaux_tc", "v_head_dim": 3,
    "vocab_size": 4})");
}

json V2Config() {
  json config = V3Config();
  config["model_type"] = "deepseek_v2";
  config["scoring_func"] = "softmax";
  config["topk_method"] = "greedy";
  config["q_lora_rank"] = nullptr;
  config["norm_topk_prob"] = false;
  config.erase("num_nextn_predict_layers");
  return config;
}

json Fp8() {
  return {{"activation_scheme", "dynamic"},
          {"fmt", "e4m3"},
          {"quant_method", "fp8"},
          {"weight_block_size", {128, 128}}};
}

Status ParseWith(json config, const char* field, const json& value) {
  if (value.is_discarded()) {
    config.erase(field);
  } else {
    config[field] = value;
  }
  return ParseHfConfig(config.dump(), "config.json").status();
}

TEST(DeepseekConfig, ReadsV3) {
  json text = V3Config();
  text["quantization_config"] = Fp8();
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseHfConfig(text.dump(), "c"));
  EXPECT_EQ(config.architecture, "deepseek_v3");
  EXPECT_EQ(config.head_dim, 6);
  EXPECT_EQ(config.RopeDim(), 2);
  EXPECT_EQ(config.mla.q_lora_rank, 5);
  EXPECT_EQ(config.moe.gate, ExpertGate::kSigmoidGroups);
  EXPECT_TRUE(config.moe.normalize_weights);
  EXPECT_EQ(config.moe.weight_scale, 2.5f);
  EXPECT_EQ(config.num_nextn_layers, 1);
  EXPECT_TRUE(config.fp8_weights);
  EXPECT_EQ(config.rope_magnitude, 1.0f);
  const double m = 0.1 * std::log(40.0) + 1;
  EXPECT_NEAR(config.attention_scale, m * m / std::sqrt(6.0), 1e-6);
}

TEST(DeepseekConfig, ReadsV2) {
  ASSERT_OK_AND_ASSIGN(ModelConfig config, ParseHfConfig(V2Config().dump(), "c"));
  EXPECT_EQ(config.mla.q_lora_rank, 0);
  EXPECT_EQ(config.moe.gate, ExpertGate::kSoftmax);
  json text = V2Config();
  text["topk_method"] = "group_limited_greedy";
  text["norm_topk_prob"] = true;  // as the published code: read and not used
  text.erase("rope_scaling");
  ASSERT_OK_AND_ASSIGN(config, ParseHfConfig(text.dump(), "c"));
  EXPECT_EQ(config.moe.gate, ExpertGate::kSoftmaxGroups);
  EXPECT_FALSE(config.moe.normalize_weights);
  EXPECT_TRUE(config.rope_freq_factors.empty());
  EXPECT_EQ(config.attention_scale, 0.0f);
}

TEST(DeepseekConfig, RefusesNumbersByName) {
  const json absent = json::value_t::discarded;
  for (const char* field : {"hidden_size", "intermediate_size", "num_hidden_layers",
                            "num_attention_heads", "vocab_size", "max_position_embeddings",
                            "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
                            "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size"}) {
    EXPECT_STATUS(ParseWith(V3Config(), field, absent), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(V3Config(), field, "8"), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(V3Config(), field, 1.5), kInvalidArgument, field);
    EXPECT_EQ(ParseWith(V3Config(), field, 0).code(), StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(ParseWith(V3Config(), field, INT32_MAX).code(), StatusCode::kInvalidArgument)
        << field;
  }
  for (const char* field : {"n_group", "topk_group", "first_k_dense_replace", "n_shared_experts",
                            "moe_layer_freq", "routed_scaling_factor", "num_nextn_predict_layers",
                            "num_key_value_heads", "q_lora_rank"}) {
    EXPECT_STATUS(ParseWith(V3Config(), field, INT32_MAX), kInvalidArgument, field);
    EXPECT_STATUS(ParseWith(V3Config(), field, "x"), kInvalidArgument, field);
  }
  EXPECT_STATUS(ParseWith(V3Config(), "q_lora_rank", absent), kInvalidArgument, "q_lora_rank");
  EXPECT_STATUS(ParseWith(V3Config(), "q_lora_rank", 0), kInvalidArgument, "q_lora_rank");
  EXPECT_STATUS(ParseWith(V3Config(), "qk_rope_head_dim", 3), kInvalidArgument, "qk_rope_head_dim");
  EXPECT_STATUS(ParseWith(V3Config(), "moe_layer_freq", 2), kInvalidArgument, "moe_layer_freq");
  EXPECT_STATUS(ParseWith(V3Config(), "n_group", 3), kInvalidArgument, "does not divide");
  EXPECT_STATUS(ParseWith(V3Config(), "n_group", 16), kInvalidArgument, "n_group");
  EXPECT_STATUS(ParseWith(V3Config(), "topk_group", 5), kInvalidArgument, "topk_group");
  // Two groups of four hold eight experts.
  EXPECT_STATUS(ParseWith(V3Config(), "num_experts_per_tok", 9), kInvalidArgument,
                "num_experts_per_tok");
  EXPECT_STATUS(ParseWith(V3Config(), "routed_scaling_factor", 0), kInvalidArgument,
                "routed_scaling_factor");
}

TEST(DeepseekConfig, RefusesOtherArithmeticByName) {
  EXPECT_STATUS(ParseWith(V3Config(), "hidden_act", "gelu"), kInvalidArgument, "hidden_act");
  EXPECT_STATUS(ParseWith(V3Config(), "attention_bias", true), kInvalidArgument, "attention_bias");
  EXPECT_STATUS(ParseWith(V3Config(), "scoring_func", "softmax"), kInvalidArgument, "scoring_func");
  EXPECT_STATUS(ParseWith(V2Config(), "scoring_func", "sigmoid"), kInvalidArgument, "scoring_func");
  EXPECT_STATUS(ParseWith(V3Config(), "topk_method", "greedy"), kInvalidArgument, "topk_method");
  EXPECT_STATUS(ParseWith(V2Config(), "topk_method", "noaux_tc"), kInvalidArgument, "topk_method");
  EXPECT_STATUS(ParseWith(V3Config(), "rope_interleave", false), kInvalidArgument,
                "rope_interleave");
}

Status ParseRope(const char* field, const json& value) {
  json config = V3Config();
  if (value.is_discarded()) {
    config["rope_scaling"].erase(field);
  } else {
    config["rope_scaling"][field] = value;
  }
  return ParseHfConfig(config.dump(), "config.json").status();
}

TEST(DeepseekConfig, RefusesYarnByName) {
  const json absent = json::value_t::discarded;
  EXPECT_OK(ParseRope("mscale", absent));
  EXPECT_OK(ParseRope("beta_fast", absent));
  EXPECT_STATUS(ParseRope("type", "linear"), kInvalidArgument, "linear");
  EXPECT_STATUS(ParseRope("factor", absent), kInvalidArgument, "factor");
  EXPECT_STATUS(ParseRope("factor", 0.5), kInvalidArgument, "factor");
  EXPECT_STATUS(ParseRope("factor", "40"), kInvalidArgument, "factor");
  EXPECT_STATUS(ParseRope("original_max_position_embeddings", 0), kInvalidArgument,
                "original_max_position_embeddings");
  EXPECT_STATUS(ParseRope("beta_slow", 0), kInvalidArgument, "beta_slow");
  EXPECT_STATUS(ParseRope("beta_slow", 64), kInvalidArgument, "beta_fast");
  EXPECT_STATUS(ParseRope("mscale", -1), kInvalidArgument, "mscale");
  EXPECT_STATUS(ParseRope("mscale_all_dim", 1e9), kInvalidArgument, "mscale_all_dim");
  EXPECT_STATUS(ParseRope("truncate", false), kInvalidArgument, "truncate");
  EXPECT_STATUS(ParseWith(V3Config(), "rope_scaling", 4), kInvalidArgument, "rope_scaling");
  EXPECT_STATUS(ParseWith(V3Config(), "rope_theta", 1), kInvalidArgument, "rope_theta");
}

TEST(DeepseekConfig, RefusesOtherQuantisationByName) {
  const auto with = [](const char* field, const json& value) {
    json quantization = Fp8();
    quantization[field] = value;
    return ParseWith(V3Config(), "quantization_config", quantization);
  };
  EXPECT_OK(with("fmt", "e4m3"));
  EXPECT_STATUS(with("fmt", "e5m2"), kInvalidArgument, "fmt");
  EXPECT_STATUS(with("quant_method", "awq"), kInvalidArgument, "quant_method");
  EXPECT_STATUS(with("activation_scheme", "static"), kInvalidArgument, "activation_scheme");
  EXPECT_STATUS(with("weight_block_size", {64, 128}), kInvalidArgument, "weight_block_size");
  EXPECT_STATUS(with("weight_block_size", nullptr), kInvalidArgument, "weight_block_size");
  EXPECT_STATUS(with("weight_block_size", {128, 128, 128}), kInvalidArgument, "weight_block_size");
  EXPECT_STATUS(ParseWith(V3Config(), "quantization_config", 8), kInvalidArgument,
                "quantization_config");
}

// Whatever stands in whichever field: a model or a refusal, never more.
TEST(DeepseekConfig, SurvivesAnyValueInAnyField) {
  const json hostile[] = {
      nullptr, true,   -1,     0,  1,      INT32_MAX,     INT64_MIN,      UINT64_MAX,
      1e308,   -1e308, 1e-320, "", "yarn", json::array(), json::object(), {1, {2, {3}}}};
  json whole = V3Config();
  whole["quantization_config"] = Fp8();
  for (const char* part : {"", "rope_scaling", "quantization_config"}) {
    const json fields = *part == '\0' ? whole : whole.at(part);
    for (const auto& [field, value] : fields.items()) {
      for (const json& wrong : hostile) {
        json config = whole;
        (*part == '\0' ? config : config[part])[field] = wrong;
        const Status status = ParseHfConfig(config.dump(), "config.json").status();
        EXPECT_TRUE(status.ok() || status.code() == StatusCode::kInvalidArgument ||
                    (field == "model_type" && status.code() == StatusCode::kUnimplemented))
            << part << "." << field << " = " << wrong << ": " << status;
      }
    }
  }
}

TEST(DeepseekNames, MapToGguf) {
  const auto name = [](const char* rest) {
    return GgufName("deepseek_v3", std::string("model.layers.7.") + rest);
  };
  EXPECT_EQ(name("self_attn.kv_a_proj_with_mqa.weight"), "blk.7.attn_kv_a_mqa.weight");
  EXPECT_EQ(name("self_attn.q_a_layernorm.weight"), "blk.7.attn_q_a_norm.weight");
  EXPECT_EQ(name("mlp.gate.weight"), "blk.7.ffn_gate_inp.weight");
  EXPECT_EQ(name("mlp.gate.e_score_correction_bias"), "blk.7.exp_probs_b.bias");
  EXPECT_EQ(name("mlp.experts.31.down_proj.weight"), "blk.7.ffn_down.31.weight");
  EXPECT_EQ(name("mlp.experts.31.unknown"), "model.layers.7.mlp.experts.31.unknown");
  EXPECT_EQ(name("mlp.shared_experts.up_proj.weight"), "blk.7.ffn_up_shexp.weight");
  EXPECT_EQ(name("eh_proj.weight"), "blk.7.nextn.eh_proj.weight");
}

/// A folder with one FP8 matrix of 130 x 200 beside the embedding.
class Fp8Folder : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  StatusOr<std::unique_ptr<Checkpoint>> Open(const json& quantization, SafetensorsType scale_type,
                                             std::vector<int64_t> scale_shape, float scale = 0.5f) {
    json config = V3Config();
    config["quantization_config"] = quantization;
    std::ofstream(dir_->path() + "/config.json") << config.dump();
    int64_t values = 1;
    for (const int64_t side : scale_shape) values *= side;
    std::string scales;
    for (int64_t i = 0; i < values; ++i) {
      scales.append(reinterpret_cast<const char*>(&scale), 4);
    }
    scales.resize(static_cast<size_t>(values * BytesOf(scale_type)));
    std::vector<SafetensorsTensor> tensors = {
        {"model.embed_tokens.weight", SafetensorsType::kF32, {4, 8}, std::string(128, '\0')},
        {"model.layers.0.mlp.up_proj.weight",
         SafetensorsType::kF8E4M3,
         {130, 200},
         std::string(130 * 200, '\x38')}};
    if (values > 0) {
      tensors.push_back(
          {"model.layers.0.mlp.up_proj.weight_scale_inv", scale_type, scale_shape, scales});
    }
    RETURN_IF_ERROR(WriteSafetensors(dir_->path() + "/model.safetensors", tensors));
    return Checkpoint::Open(dir_->path());
  }
  std::unique_ptr<TempDir> dir_;
};

TEST_F(Fp8Folder, ScalesBecomePartOfTheWeight) {
  ASSERT_OK_AND_ASSIGN(const auto checkpoint, Open(Fp8(), SafetensorsType::kF32, {2, 2}));
  const Weight* weight = checkpoint->Find("blk.0.ffn_up.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->type, GgmlType::kF8E4M3);
  EXPECT_EQ(std::vector<float>(weight->scales.begin(), weight->scales.end()),
            std::vector<float>(4, 0.5f));
  EXPECT_EQ(checkpoint->names(),
            (std::vector<std::string>{"blk.0.ffn_up.weight", "token_embd.weight"}));
}

TEST_F(Fp8Folder, RefusesScalesThatDoNotFit) {
  EXPECT_STATUS(Open(nullptr, SafetensorsType::kF32, {2, 2}), kInvalidArgument,
                "quantization_config");
  EXPECT_STATUS(Open(Fp8(), SafetensorsType::kF32, {0}), kInvalidArgument, "weight_scale_inv");
  EXPECT_STATUS(Open(Fp8(), SafetensorsType::kF32, {2, 1}), kInvalidArgument, "blk.0.ffn_up");
  EXPECT_STATUS(Open(Fp8(), SafetensorsType::kF32, {4}), kInvalidArgument, "128 x 128");
  EXPECT_STATUS(Open(Fp8(), SafetensorsType::kBF16, {2, 2}), kInvalidArgument, "BF16");
  EXPECT_STATUS(Open(Fp8(), SafetensorsType::kF32, {2, 2}, std::nanf("")), kInvalidArgument, "nan");
}

TEST(DeepseekGolden, FrequenciesAndSoftmaxScale) {
  const std::string models = SharedPath("golden/models/");
  for (const char* name : {"deepseek_v2_group-tiny", "deepseek_v2_lite-tiny", "deepseek_v3-tiny",
                           "deepseek_v3-tiny-fp8"}) {
    const auto checkpoint = Checkpoint::Open(models + name);
    if (checkpoint.status().code() == StatusCode::kNotFound) GTEST_SKIP() << models << " is absent";
    ASSERT_OK(checkpoint);
    const ModelConfig& config = (*checkpoint)->config();
    ASSERT_OK_AND_ASSIGN(const auto golden,
                         SafetensorsFile::Open(models + name + "/golden.safetensors"));
    const SafetensorsEntry* entry = golden->Find("rope.inv_freq");
    ASSERT_NE(entry, nullptr);
    std::vector<float> expected(entry->data.size() / 4);
    std::memcpy(expected.data(), entry->data.data(), entry->data.size());
    ASSERT_EQ(config.rope_freq_factors.size(), expected.size());
    for (size_t j = 0; j < expected.size(); ++j) {
      const double frequency =
          std::pow(config.rope_theta, -2.0 * static_cast<double>(j) / config.RopeDim());
      EXPECT_NEAR(frequency / config.rope_freq_factors[j] / expected[j], 1, 1e-6) << name;
    }
    ASSERT_OK_AND_ASSIGN(const std::string facts, ReadFile(models + name + "/golden.json"));
    const nlohmann::json golden_facts = nlohmann::json::parse(facts);
    EXPECT_NEAR(config.attention_scale, golden_facts.at("softmax_scale").get<double>(), 1e-7)
        << name;
    EXPECT_NEAR(config.rope_magnitude, golden_facts.at("rope_attention_scaling").get<double>(),
                1e-7);
  }
}

}  // namespace
}  // namespace hadal::inference
