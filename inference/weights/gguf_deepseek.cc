#include "inference/weights/gguf_deepseek.h"

#include <optional>
#include <utility>
#include <vector>

#include "inference/weights/deepseek_config.h"
#include "inference/weights/yarn.h"

namespace hadal::inference {
namespace {

// Values of expert_gating_func.
constexpr int32_t kGatingSoftmax = 1;
constexpr int32_t kGatingSigmoid = 2;

// Files that store attn_k_b and attn_v_b give the sizes of a head as *_mla, and in key_length that
// of the latent row; older ones, with attn_kv_b, have the head's in key_length.
Status ReadMla(const GgufKeys& keys, ModelConfig& config) {
  MlaConfig& mla = config.mla;
  ASSIGN_OR_RETURN(mla.q_lora_rank, keys.IntOr("attention.q_lora_rank", 0, 0, 1 << 16));
  ASSIGN_OR_RETURN(mla.kv_lora_rank, keys.Int("attention.kv_lora_rank", 1, 1 << 16));
  ASSIGN_OR_RETURN(mla.qk_rope_head_dim, keys.Int("rope.dimension_count", 2, 512));
  const bool absorbed = keys.Has("attention.key_length_mla");
  const char* key = absorbed ? "attention.key_length_mla" : "attention.key_length";
  ASSIGN_OR_RETURN(config.head_dim, keys.Int(key, mla.qk_rope_head_dim + 1, 1024));
  ASSIGN_OR_RETURN(mla.v_head_dim,
                   keys.Int(absorbed ? "attention.value_length_mla" : "attention.value_length", 1,
                            1024));
  mla.qk_nope_head_dim = config.head_dim - mla.qk_rope_head_dim;
  config.num_kv_heads = config.num_heads;
  return OkStatus();
}

Status ReadMoe(const GgufKeys& keys, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  ASSIGN_OR_RETURN(moe.num_experts, keys.Int("expert_count", 1, kMaxExperts));
  ASSIGN_OR_RETURN(moe.experts_per_token, keys.Int("expert_used_count", 1, moe.num_experts));
  ASSIGN_OR_RETURN(moe.expert_ffn_dim, keys.Int("expert_feed_forward_length", 1, 1 << 16));
  ASSIGN_OR_RETURN(const int32_t shared, keys.IntOr("expert_shared_count", 0, 0, 64));
  moe.shared_ffn_dim = shared * moe.expert_ffn_dim;
  ASSIGN_OR_RETURN(moe.first_dense_layers,
                   keys.IntOr("leading_dense_block_count", 0, 0, config.num_layers));
  ASSIGN_OR_RETURN(const double scale, keys.FloatOr("expert_weights_scale", 1, 1e-3, 1e3));
  moe.weight_scale = static_cast<float>(scale);
  ASSIGN_OR_RETURN(moe.normalize_weights, keys.BoolOr("expert_weights_norm", false));
  ASSIGN_OR_RETURN(moe.num_groups, keys.IntOr("expert_group_count", 1, 1, moe.num_experts));
  ASSIGN_OR_RETURN(moe.groups_per_token, keys.IntOr("expert_group_used_count", moe.num_groups, 1,
                                                    moe.num_groups));
  ASSIGN_OR_RETURN(const int32_t gating, keys.IntOr("expert_gating_func", kGatingSoftmax,
                                                    kGatingSoftmax, kGatingSigmoid));
  if (gating == kGatingSigmoid) {
    moe.gate = ExpertGate::kSigmoidGroups;
  } else {
    moe.gate = moe.num_groups > 1 ? ExpertGate::kSoftmaxGroups : ExpertGate::kSoftmax;
  }
  const int32_t group_size = moe.num_experts / moe.num_groups;
  if (moe.num_experts % moe.num_groups != 0 || (gating == kGatingSigmoid && group_size < 2)) {
    return InvalidArgument("{}: metadata key \"{}\" is {}, which does not cut {} experts into "
                           "equal groups of two or more", keys.path(),
                           keys.Full("expert_group_count"), moe.num_groups, moe.num_experts);
  }
  return keys.CheckRange("expert_used_count", moe.experts_per_token, 1,
                         group_size * moe.groups_per_token);
}

Status ReadYarn(const GgufKeys& keys, ModelConfig& config) {
  ASSIGN_OR_RETURN(const std::string type, keys.StringOr("rope.scaling.type", "none"));
  if (type == "none") return OkStatus();
  if (type != "yarn") {
    return InvalidArgument("{}: metadata key \"{}\" is \"{}\", supported are none and yarn",
                           keys.path(), keys.Full("rope.scaling.type"), type);
  }
  YarnScaling yarn;
  ASSIGN_OR_RETURN(yarn.factor, keys.FloatOr("rope.scaling.factor", 1, 1, 1e6));
  ASSIGN_OR_RETURN(yarn.original_context,
                   keys.FloatOr("rope.scaling.original_context_length", config.context_length, 1,
                                1 << 24));
  // The file has 0.1 * mscale_all_dim, and mscale nowhere: published models have them equal.
  ASSIGN_OR_RETURN(const double log_multiplier,
                   keys.FloatOr("rope.scaling.yarn_log_multiplier", 0, 0, 10));
  yarn.mscale = yarn.mscale_all_dim = log_multiplier * 10;
  RETURN_IF_ERROR(keys.CheckRange("rope.freq_base", config.rope_theta, 1.001f, 1e12f));
  config.rope_freq_factors =
      YarnFreqFactors(yarn, config.rope_theta, config.mla.qk_rope_head_dim);
  config.rope_magnitude = static_cast<float>(YarnMagnitude(yarn));
  config.attention_scale = static_cast<float>(YarnAttentionScale(yarn, config.head_dim));
  return OkStatus();
}

/// "ffn_gate_exps" and what its parts are called.
struct Stack {
  std::string_view name;
  std::string_view part;
};
constexpr Stack kStacks[] = {{".ffn_gate_exps.weight", ".ffn_gate"},
                             {".ffn_up_exps.weight", ".ffn_up"},
                             {".ffn_down_exps.weight", ".ffn_down"},
                             {".attn_k_b.weight", ".attn_k_b"},
                             {".attn_v_b.weight", ".attn_v_b"}};

std::optional<std::string> PartPrefix(std::string_view name) {
  for (const Stack& stack : kStacks) {
    if (name.ends_with(stack.name)) {
      name.remove_suffix(stack.name.size());
      return std::string(name) + std::string(stack.part);
    }
  }
  return std::nullopt;
}

}  // namespace

Status ReadGgufDeepseek(const GgufKeys& keys, ModelConfig& config) {
  RETURN_IF_ERROR(ReadMla(keys, config));
  RETURN_IF_ERROR(ReadMoe(keys, config));
  ASSIGN_OR_RETURN(config.num_nextn_layers, keys.IntOr("nextn_predict_layers", 0, 0, 16));
  // block_count counts the prediction layers too.
  config.num_layers -= config.num_nextn_layers;
  RETURN_IF_ERROR(keys.CheckRange("block_count", config.num_layers, 1, 1024));
  config.architecture =
      config.moe.gate == ExpertGate::kSigmoidGroups ? "deepseek_v3" : "deepseek_v2";
  config.rope_interleaved = true;
  if (keys.Has("rope.freq_base")) {
    ASSIGN_OR_RETURN(config.rope_theta, keys.Float("rope.freq_base"));
  }
  return ReadYarn(keys, config);
}

Status SplitStackedWeights(const std::string& path, Weights& weights) {
  Weights parts;
  for (auto it = weights.begin(); it != weights.end();) {
    const std::optional<std::string> prefix = PartPrefix(it->first);
    if (!prefix) {
      ++it;
      continue;
    }
    const Weight& stacked = it->second;
    if (stacked.shape.size() != 3 || stacked.shape[0] < 1 || stacked.shape[0] > kMaxExperts) {
      return InvalidArgument("{}: tensor {} is no stack of at most {} matrices", path, it->first,
                             kMaxExperts);
    }
    // The parser has checked that rows are whole blocks and the data is all of them.
    const auto count = static_cast<size_t>(stacked.shape[0]);
    const size_t bytes = stacked.data.size() / count;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = *prefix + "." + std::to_string(i) + ".weight";
      parts[name] = {stacked.type,
                     {stacked.shape[1], stacked.shape[2]},
                     stacked.data.subspan(i * bytes, bytes),
                     {}};
    }
    it = weights.erase(it);
  }
  for (auto& [name, part] : parts) {
    if (!weights.emplace(name, std::move(part)).second) {
      return InvalidArgument("{}: tensor {} stands alone and in a stack", path, name);
    }
  }
  return OkStatus();
}

}  // namespace hadal::inference
