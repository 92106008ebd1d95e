#include "inference/moe/hybrid_plan.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "inference/weights/shard_plan.h"

namespace hadal::inference {
namespace {

/// What a model weighs, by where it goes.
struct Parts {
  int64_t always = 0;     ///< read in every step
  int64_t embedding = 0;  ///< of which a step reads a row a token
  int64_t experts = 0;    ///< routed, of one layer
  int32_t layers = 0;     ///< with routed experts
};

/// "blk.3.ffn_gate.17.weight": numbered parts of a layer are experts.
bool IsExpert(std::string_view name) {
  return name.starts_with("blk.") && name.find(".ffn_") != std::string_view::npos &&
         name.find("_shexp") == std::string_view::npos &&
         name.find("ffn_gate_inp") == std::string_view::npos &&
         std::count(name.begin(), name.end(), '.') == 4;
}

int64_t BytesOf(const PlannedTensor& tensor, std::optional<ElementType> type) {
  if (!type) return tensor.bytes;
  const ElementTraits traits = TraitsOf(*type);
  if (*type == ElementType::kF8E4M3) {
    return tensor.rows * tensor.cols + 4 * Fp8Blocks(tensor.rows) * Fp8Blocks(tensor.cols);
  }
  return tensor.rows * tensor.cols / traits.block_values * traits.block_bytes;
}

Parts Weigh(const ModelConfig& config, const HybridOptions& options) {
  Parts parts;
  int64_t experts = 0;
  for (const PlannedTensor& tensor : ShardPlan().Tensors(config, options.draft)) {
    if (IsExpert(tensor.name)) {
      experts += BytesOf(tensor, options.expert_type);
    } else if (tensor.name.ends_with("embd.weight") ||
               tensor.name.ends_with("embed_tokens.weight")) {
      parts.embedding += tensor.bytes;
    } else {
      parts.always += tensor.bytes;
    }
  }
  const int32_t drafts = options.draft && config.num_nextn_layers > 0 ? 1 : 0;
  for (int32_t i = 0; i < config.num_layers + drafts; ++i) parts.layers += config.HasExperts(i);
  parts.experts = parts.layers > 0 ? experts / parts.layers : 0;
  return parts;
}

Status Check(const ModelConfig& config, const HybridOptions& options) {
  const HybridMachine& machine = options.machine;
  if (config.moe.num_experts == 0) {
    return InvalidArgument("{} has no routed experts: it goes to one device as a whole",
                           config.architecture);
  }
  if (!(machine.device_bytes > 0 && machine.host_bytes > 0 && machine.device_bandwidth > 0 &&
        machine.host_bandwidth > 0 && machine.link_bandwidth > 0 &&
        options.kv_bytes_per_token > 0 && options.kv_tokens > 0 && options.streams > 0 &&
        options.context_tokens >= 0 && options.buffer_bytes >= 0)) {
    return InvalidArgument(
        "a hybrid plan needs positive sizes and bandwidths, found {} bytes at {} B/s on the "
        "device, {} at {} on the host, a link of {} B/s, {} KV tokens of {} bytes, {} streams of "
        "{} tokens",
        machine.device_bytes, machine.device_bandwidth, machine.host_bytes, machine.host_bandwidth,
        machine.link_bandwidth, options.kv_tokens, options.kv_bytes_per_token, options.streams,
        options.context_tokens);
  }
  if (options.expert_type) {
    const ElementTraits traits = TraitsOf(*options.expert_type);
    if (config.hidden_dim % traits.block_values != 0 ||
        config.moe.expert_ffn_dim % traits.block_values != 0) {
      return InvalidArgument("experts of {} x {} have no whole {} blocks of {}", config.hidden_dim,
                             config.moe.expert_ffn_dim, traits.name, traits.block_values);
    }
  }
  return OkStatus();
}

/// Of a layer's experts, the share that a step of `streams` tokens reads.
double ShareRead(const MoeConfig& moe, int32_t streams) {
  const double chosen = static_cast<double>(moe.experts_per_token) / moe.num_experts;
  return 1 - std::pow(1 - chosen, streams);
}

HybridTraffic TrafficOf(const ModelConfig& config, const HybridOptions& options, const Parts& parts,
                        const HybridPlan& plan) {
  const double read = ShareRead(config.moe, options.streams) * static_cast<double>(parts.experts);
  const double kv = static_cast<double>(options.kv_bytes_per_token) * options.context_tokens;
  HybridTraffic traffic;
  traffic.device =
      static_cast<double>(parts.always) + options.streams * kv + plan.device_expert_layers * read;
  traffic.host = plan.host_expert_layers * read;
  traffic.link =
      2.0 * sizeof(float) * config.hidden_dim * options.streams * plan.host_expert_layers;
  return traffic;
}

}  // namespace

StatusOr<HybridPlan> PlanHybrid(const ModelConfig& config, const HybridOptions& options) {
  RETURN_IF_ERROR(Check(config, options));
  const HybridMachine& machine = options.machine;
  const Parts parts = Weigh(config, options);
  const int64_t kv = options.kv_tokens * options.kv_bytes_per_token;
  const int64_t left = machine.device_bytes - parts.always - options.buffer_bytes - kv;
  if (left < 0) {
    return ResourceExhausted(
        "{} bytes on the device do not hold {} of attention, shared experts and output, {} of "
        "buffers and {} of KV cache for {} tokens; use a larger device, fewer rows a step or fewer "
        "tokens",
        machine.device_bytes, parts.always, options.buffer_bytes, kv, options.kv_tokens);
  }
  HybridPlan plan;
  plan.device_expert_layers = static_cast<int32_t>(
      std::min<int64_t>(parts.layers, parts.experts > 0 ? left / parts.experts : parts.layers));
  plan.host_expert_layers = parts.layers - plan.device_expert_layers;
  plan.device_weight_bytes = parts.always + plan.device_expert_layers * parts.experts;
  plan.host_weight_bytes = parts.embedding + plan.host_expert_layers * parts.experts;
  if (plan.host_weight_bytes > machine.host_bytes) {
    return ResourceExhausted(
        "{} bytes on the host do not hold {} of experts in {} layers and embeddings; add memory, "
        "or use experts of fewer bits",
        machine.host_bytes, plan.host_weight_bytes, plan.host_expert_layers);
  }
  plan.kv_tokens = (machine.device_bytes - plan.device_weight_bytes - options.buffer_bytes) /
                   options.kv_bytes_per_token;
  plan.traffic = TrafficOf(config, options, parts, plan);
  plan.step_seconds = plan.traffic.device / machine.device_bandwidth +
                      plan.traffic.host / machine.host_bandwidth +
                      plan.traffic.link / machine.link_bandwidth;
  return plan;
}

}  // namespace hadal::inference
