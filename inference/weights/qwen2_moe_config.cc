#include "inference/weights/qwen2_moe_config.h"

#include <algorithm>

namespace hadal::inference {

Status ReadQwen2Moe(const ConfigFields& fields, MoeConfig& moe) {
  ASSIGN_OR_RETURN(moe.num_experts, fields.IntIn("num_experts", 1, kMaxExperts));
  ASSIGN_OR_RETURN(moe.experts_per_token, fields.IntIn("num_experts_per_tok", 1, moe.num_experts));
  ASSIGN_OR_RETURN(moe.expert_ffn_dim, fields.IntIn("moe_intermediate_size", 1, 1 << 16));
  ASSIGN_OR_RETURN(moe.shared_ffn_dim, fields.IntIn("shared_expert_intermediate_size", 1, 1 << 20));
  moe.gated_shared = true;
  ASSIGN_OR_RETURN(moe.normalize_weights, fields.BoolOr("norm_topk_prob", false));
  ASSIGN_OR_RETURN(moe.sparse_step, fields.IntOr("decoder_sparse_step", 1));
  RETURN_IF_ERROR(fields.CheckRange("decoder_sparse_step", moe.sparse_step, 1, 1024));
  ASSIGN_OR_RETURN(const bool qkv_bias, fields.BoolOr("qkv_bias", true));
  if (!qkv_bias) {
    return InvalidArgument("{}: \"qkv_bias\" is false, only true is supported", fields.path());
  }
  if (!fields.Has("mlp_only_layers")) return OkStatus();
  const nlohmann::json& layers = fields.object().at("mlp_only_layers");
  const auto is_layer = [](const nlohmann::json& index) {
    return index.is_number_unsigned() && index.get<uint64_t>() < 1024;
  };
  if (!layers.is_array() || layers.size() > 1024 ||
      !std::all_of(layers.begin(), layers.end(), is_layer)) {
    return fields.Wrong("mlp_only_layers", layers, "a list of layers, each in 0..1023");
  }
  moe.dense_layers = layers.get<std::vector<int32_t>>();
  std::sort(moe.dense_layers.begin(), moe.dense_layers.end());
  return OkStatus();
}

// The format has no word for normalised weights and for dense layers in between: published models
// have neither.
Status ReadGgufQwen2Moe(const GgufKeys& keys, ModelConfig& config) {
  config.architecture = "qwen2_moe";
  MoeConfig& moe = config.moe;
  ASSIGN_OR_RETURN(moe.num_experts, keys.Int("expert_count", 1, kMaxExperts));
  ASSIGN_OR_RETURN(moe.experts_per_token, keys.Int("expert_used_count", 1, moe.num_experts));
  ASSIGN_OR_RETURN(moe.expert_ffn_dim, keys.Int("expert_feed_forward_length", 1, 1 << 16));
  ASSIGN_OR_RETURN(moe.shared_ffn_dim, keys.Int("expert_shared_feed_forward_length", 1, 1 << 20));
  moe.gated_shared = true;
  return OkStatus();
}

}  // namespace hadal::inference
