// config.json of DeepSeek-V2 (arXiv:2405.04434) and DeepSeek-V3/R1 (arXiv:2412.19437).
#include "inference/weights/deepseek_config.h"

#include "inference/weights/yarn.h"

namespace hadal::inference {
namespace {

Status ReadMla(const ConfigFields& fields, ModelConfig& config) {
  MlaConfig& mla = config.mla;
  // null says that queries are not compressed (V2-Lite); an absent field says nothing.
  if (!fields.object().contains("q_lora_rank")) {
    return InvalidArgument(
        "{}: field \"q_lora_rank\" is missing; take config.json from the model "
        "again (null where queries are not compressed)",
        fields.path());
  }
  if (fields.Has("q_lora_rank")) {
    ASSIGN_OR_RETURN(mla.q_lora_rank, fields.IntIn("q_lora_rank", 1, 1 << 16));
  }
  ASSIGN_OR_RETURN(mla.kv_lora_rank, fields.IntIn("kv_lora_rank", 1, 1 << 16));
  ASSIGN_OR_RETURN(mla.qk_nope_head_dim, fields.IntIn("qk_nope_head_dim", 1, 512));
  ASSIGN_OR_RETURN(mla.qk_rope_head_dim, fields.IntIn("qk_rope_head_dim", 2, 512));
  ASSIGN_OR_RETURN(mla.v_head_dim, fields.IntIn("v_head_dim", 1, 1024));
  if (mla.qk_rope_head_dim % 2 != 0) {
    return InvalidArgument("{}: field \"qk_rope_head_dim\" is {}, rotary embedding needs pairs",
                           fields.path(), mla.qk_rope_head_dim);
  }
  ASSIGN_OR_RETURN(config.num_heads, fields.IntIn("num_attention_heads", 1, 1024));
  ASSIGN_OR_RETURN(config.num_kv_heads, fields.IntOr("num_key_value_heads", config.num_heads));
  if (config.num_kv_heads != config.num_heads) {
    return InvalidArgument(
        "{}: field \"num_key_value_heads\" is {}, latent attention has one per "
        "head: expected {}",
        fields.path(), config.num_kv_heads, config.num_heads);
  }
  config.head_dim = mla.qk_nope_head_dim + mla.qk_rope_head_dim;
  return fields.ExpectFalse("attention_bias");
}

// What the two generations write, and no mixture of them: the gates differ in more than these
// names.
Status ReadGate(const ConfigFields& fields, bool v3, MoeConfig& moe) {
  ASSIGN_OR_RETURN(const std::string scoring,
                   fields.StringOr("scoring_func", v3 ? "sigmoid" : "softmax"));
  ASSIGN_OR_RETURN(const std::string method,
                   fields.StringOr("topk_method", v3 ? "noaux_tc" : "greedy"));
  if (scoring != (v3 ? "sigmoid" : "softmax")) {
    return InvalidArgument(
        "{}: field \"scoring_func\" is \"{}\", expected \"{}\" for this "
        "architecture",
        fields.path(), scoring, v3 ? "sigmoid" : "softmax");
  }
  if (v3 ? method != "noaux_tc" : method != "greedy" && method != "group_limited_greedy") {
    return InvalidArgument("{}: field \"topk_method\" is \"{}\", expected {}", fields.path(),
                           method, v3 ? "\"noaux_tc\"" : "\"greedy\" or \"group_limited_greedy\"");
  }
  moe.gate = v3                   ? ExpertGate::kSigmoidGroups
             : method == "greedy" ? ExpertGate::kSoftmax
                                  : ExpertGate::kSoftmaxGroups;
  // The reference implementation of V2 reads norm_topk_prob and does not use it.
  ASSIGN_OR_RETURN(const bool normalize, fields.BoolOr("norm_topk_prob", v3));
  moe.normalize_weights = v3 && normalize;
  return OkStatus();
}

Status ReadGroups(const ConfigFields& fields, MoeConfig& moe) {
  ASSIGN_OR_RETURN(moe.num_groups, fields.IntOr("n_group", 1));
  ASSIGN_OR_RETURN(moe.groups_per_token, fields.IntOr("topk_group", 1));
  RETURN_IF_ERROR(fields.CheckRange("n_group", moe.num_groups, 1, moe.num_experts));
  RETURN_IF_ERROR(fields.CheckRange("topk_group", moe.groups_per_token, 1, moe.num_groups));
  if (moe.num_experts % moe.num_groups != 0) {
    return InvalidArgument("{}: field \"n_group\" is {}, which does not divide n_routed_experts {}",
                           fields.path(), moe.num_groups, moe.num_experts);
  }
  const int32_t group_size = moe.num_experts / moe.num_groups;
  // A group's score is the sum of its two best experts.
  if (moe.gate == ExpertGate::kSigmoidGroups && group_size < 2) {
    return InvalidArgument(
        "{}: field \"n_group\" is {}, expected at least 2 of the {} experts in "
        "each group",
        fields.path(), moe.num_groups, moe.num_experts);
  }
  const int32_t choices =
      moe.gate == ExpertGate::kSoftmax ? moe.num_experts : group_size * moe.groups_per_token;
  return fields.CheckRange("num_experts_per_tok", moe.experts_per_token, 1, choices);
}

Status ReadMoe(const ConfigFields& fields, bool v3, MoeConfig& moe) {
  ASSIGN_OR_RETURN(moe.num_experts, fields.IntIn("n_routed_experts", 1, kMaxExperts));
  ASSIGN_OR_RETURN(moe.experts_per_token, fields.IntIn("num_experts_per_tok", 1, moe.num_experts));
  ASSIGN_OR_RETURN(moe.expert_ffn_dim, fields.IntIn("moe_intermediate_size", 1, 1 << 16));
  ASSIGN_OR_RETURN(const int32_t shared, fields.IntOr("n_shared_experts", 0));
  RETURN_IF_ERROR(fields.CheckRange("n_shared_experts", shared, 0, 64));
  moe.shared_ffn_dim = shared * moe.expert_ffn_dim;
  ASSIGN_OR_RETURN(const int32_t layers, fields.Int("num_hidden_layers"));
  ASSIGN_OR_RETURN(moe.first_dense_layers, fields.IntOr("first_k_dense_replace", 0));
  RETURN_IF_ERROR(fields.CheckRange("first_k_dense_replace", moe.first_dense_layers, 0, layers));
  ASSIGN_OR_RETURN(const int32_t frequency, fields.IntOr("moe_layer_freq", 1));
  RETURN_IF_ERROR(fields.CheckRange("moe_layer_freq", frequency, 1, 1));
  ASSIGN_OR_RETURN(const double scale, fields.FloatOr("routed_scaling_factor", 1.0));
  RETURN_IF_ERROR(fields.CheckRange("routed_scaling_factor", scale, 1e-3, 1e3));
  moe.weight_scale = static_cast<float>(scale);
  RETURN_IF_ERROR(ReadGate(fields, v3, moe));
  return ReadGroups(fields, moe);
}

Status ReadYarn(const ConfigFields& rope, double theta, ModelConfig& config) {
  YarnScaling yarn;
  ASSIGN_OR_RETURN(yarn.factor, rope.FloatIn("factor", 1, 1e6));
  ASSIGN_OR_RETURN(yarn.original_context,
                   rope.FloatIn("original_max_position_embeddings", 1, 1 << 24));
  ASSIGN_OR_RETURN(yarn.beta_fast, rope.FloatOr("beta_fast", 32));
  ASSIGN_OR_RETURN(yarn.beta_slow, rope.FloatOr("beta_slow", 1));
  RETURN_IF_ERROR(rope.CheckRange("beta_slow", yarn.beta_slow, 1e-6, 1e6));
  RETURN_IF_ERROR(rope.CheckRange("beta_fast", yarn.beta_fast, yarn.beta_slow, 1e6));
  ASSIGN_OR_RETURN(yarn.mscale, rope.FloatOr("mscale", 0));
  RETURN_IF_ERROR(rope.CheckRange("mscale", yarn.mscale, 0.0, 100.0));
  ASSIGN_OR_RETURN(yarn.mscale_all_dim, rope.FloatOr("mscale_all_dim", 0));
  RETURN_IF_ERROR(rope.CheckRange("mscale_all_dim", yarn.mscale_all_dim, 0.0, 100.0));
  ASSIGN_OR_RETURN(yarn.attention_factor, rope.FloatOr("attention_factor", 0));
  RETURN_IF_ERROR(rope.CheckRange("attention_factor", yarn.attention_factor, 0.0, 100.0));
  ASSIGN_OR_RETURN(const bool truncate, rope.BoolOr("truncate", true));
  if (!truncate) {
    return InvalidArgument("{}: field \"truncate\" is false, only true is supported", rope.path());
  }
  RETURN_IF_ERROR(rope.CheckRange("rope_theta", theta, 1.001, 1e12));  // its logarithm divides
  config.rope_freq_factors = YarnFreqFactors(yarn, theta, config.mla.qk_rope_head_dim);
  config.rope_magnitude = static_cast<float>(YarnMagnitude(yarn));
  config.attention_scale = static_cast<float>(YarnAttentionScale(yarn, config.head_dim));
  return OkStatus();
}

// transformers 5 writes rope_parameters (with rope_theta inside), before it was rope_scaling.
Status ReadDeepseekRope(const ConfigFields& fields, ModelConfig& config) {
  config.rope_interleaved = true;
  ASSIGN_OR_RETURN(const bool interleave, fields.BoolOr("rope_interleave", true));
  if (!interleave) {
    return InvalidArgument("{}: field \"rope_interleave\" is false, only true is supported",
                           fields.path());
  }
  ASSIGN_OR_RETURN(double theta, fields.FloatOr("rope_theta", 10000.0));
  const char* name = fields.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (fields.Has(name)) {
    const nlohmann::json& object = fields.object().at(name);
    if (!object.is_object()) {
      return InvalidArgument("{}: field \"{}\" is not an object", fields.path(), name);
    }
    const ConfigFields rope(object, fields.path());
    ASSIGN_OR_RETURN(theta, rope.FloatOr("rope_theta", theta));
    ASSIGN_OR_RETURN(std::string type, rope.StringOr("type", "default"));
    ASSIGN_OR_RETURN(type, rope.StringOr("rope_type", type));
    if (type == "yarn") {
      RETURN_IF_ERROR(ReadYarn(rope, theta, config));
    } else if (type != "default") {
      return InvalidArgument("{}: \"{}.type\" is \"{}\", supported are default and yarn",
                             fields.path(), name, type);
    }
  }
  config.rope_theta = static_cast<float>(theta);
  return OkStatus();
}

// The one quantisation DeepSeek publishes: E4M3 with a float32 scale per block of 128 x 128.
Status ReadQuantization(const ConfigFields& fields, ModelConfig& config) {
  if (!fields.Has("quantization_config")) return OkStatus();
  const nlohmann::json& object = fields.object().at("quantization_config");
  if (!object.is_object()) {
    return InvalidArgument("{}: field \"quantization_config\" is not an object", fields.path());
  }
  const ConfigFields quantization(object, fields.path());
  ASSIGN_OR_RETURN(const std::string method, quantization.StringOr("quant_method", ""));
  if (method != "fp8") {
    return InvalidArgument(
        "{}: \"quantization_config.quant_method\" is \"{}\", only \"fp8\" is "
        "supported; use the unquantised checkpoint",
        fields.path(), method);
  }
  RETURN_IF_ERROR(quantization.Expect("fmt", "e4m3"));
  RETURN_IF_ERROR(quantization.Expect("activation_scheme", "dynamic"));
  const auto block = object.find("weight_block_size");
  if (block == object.end() || *block != nlohmann::json::array({128, 128})) {
    return quantization.Wrong("weight_block_size",
                              block == object.end() ? nlohmann::json() : *block, "[128, 128]");
  }
  config.fp8_weights = true;
  return OkStatus();
}

}  // namespace

StatusOr<ModelConfig> ReadDeepseekConfig(const ConfigFields& fields,
                                         const std::string& model_type) {
  const bool v3 = model_type == "deepseek_v3";
  ModelConfig config;
  config.architecture = model_type;
  ASSIGN_OR_RETURN(config.hidden_dim, fields.Int("hidden_size"));
  ASSIGN_OR_RETURN(const double eps, fields.FloatOr("rms_norm_eps", 1e-6));
  config.norm_eps = static_cast<float>(eps);
  ASSIGN_OR_RETURN(config.tied_embeddings, fields.BoolOr("tie_word_embeddings", false));
  ASSIGN_OR_RETURN(config.num_nextn_layers, fields.IntOr("num_nextn_predict_layers", 0));
  RETURN_IF_ERROR(fields.CheckRange("num_nextn_predict_layers", config.num_nextn_layers, 0, 16));
  RETURN_IF_ERROR(fields.Expect("hidden_act", "silu"));
  RETURN_IF_ERROR(ReadMla(fields, config));
  RETURN_IF_ERROR(ReadMoe(fields, v3, config.moe));
  RETURN_IF_ERROR(ReadDeepseekRope(fields, config));
  RETURN_IF_ERROR(ReadQuantization(fields, config));
  return config;
}

}  // namespace hadal::inference
