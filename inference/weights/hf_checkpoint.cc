#include "inference/weights/hf_checkpoint.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "inference/weights/model_config.h"

namespace hadal::inference {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr size_t kMaxIndexBytes = 64 << 20;  // DeepSeek-V3's index is 9 MB
constexpr size_t kMaxShards = 4096;

struct NamePair {
  std::string_view hf;
  std::string_view gguf;
};

constexpr NamePair kDecoderLayer[] = {
    {"input_layernorm.", "attn_norm."},   {"post_attention_layernorm.", "ffn_norm."},
    {"self_attn.q_proj.", "attn_q."},     {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},     {"self_attn.o_proj.", "attn_output."},
    {"mlp.gate_proj.", "ffn_gate."},      {"mlp.up_proj.", "ffn_up."},
    {"mlp.down_proj.", "ffn_down."},
    // DeepSeek: latent attention, experts, and the multi-token prediction layer.
    {"self_attn.q_a_proj.", "attn_q_a."},
    {"self_attn.q_a_layernorm.", "attn_q_a_norm."},
    {"self_attn.q_b_proj.", "attn_q_b."},
    {"self_attn.kv_a_proj_with_mqa.", "attn_kv_a_mqa."},
    {"self_attn.kv_a_layernorm.", "attn_kv_a_norm."},
    {"self_attn.kv_b_proj.", "attn_kv_b."},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.gate.", "ffn_gate_inp."},
    // Qwen2-MoE has one shared expert, with a gate.
    {"mlp.shared_expert.gate_proj.", "ffn_gate_shexp."},
    {"mlp.shared_expert.up_proj.", "ffn_up_shexp."},
    {"mlp.shared_expert.down_proj.", "ffn_down_shexp."},
    {"mlp.shared_expert_gate.", "ffn_gate_inp_shexp."},
    {"mlp.shared_experts.gate_proj.", "ffn_gate_shexp."},
    {"mlp.shared_experts.up_proj.", "ffn_up_shexp."},
    {"mlp.shared_experts.down_proj.", "ffn_down_shexp."},
    {"eh_proj.", "nextn.eh_proj."},
    {"enorm.", "nextn.enorm."},
    {"hnorm.", "nextn.hnorm."},
    {"embed_tokens.", "nextn.embed_tokens."},
    {"shared_head.head.", "nextn.shared_head_head."},
    {"shared_head.norm.", "nextn.shared_head_norm."}};
constexpr std::string_view kExperts = "mlp.experts.";
constexpr NamePair kExpert[] = {
    {"gate_proj.", "ffn_gate"}, {"up_proj.", "ffn_up"}, {"down_proj.", "ffn_down"}};
constexpr std::string_view kScaleSuffix = ".weight_scale_inv";
constexpr NamePair kDecoderTop[] = {{"model.embed_tokens.", "token_embd."},
                                    {"model.norm.", "output_norm."},
                                    {"lm_head.", "output."}};
constexpr NamePair kEncoderLayer[] = {
    {"attention.self.query.", "attn_q."},
    {"attention.self.key.", "attn_k."},
    {"attention.self.value.", "attn_v."},
    {"attention.output.dense.", "attn_output."},
    {"attention.output.LayerNorm.", "attn_output_norm."},
    {"intermediate.dense.", "ffn_up."},
    {"output.dense.", "ffn_down."},
    {"output.LayerNorm.", "layer_output_norm."}};
constexpr NamePair kEncoderTop[] = {{"embeddings.word_embeddings.", "token_embd."},
                                    {"embeddings.position_embeddings.", "position_embd."},
                                    {"embeddings.token_type_embeddings.", "token_types."},
                                    {"embeddings.LayerNorm.", "token_embd_norm."}};

// The replacement of the pair whose hf part starts `name`.
std::optional<std::string> Replace(absl::Span<const NamePair> pairs, std::string_view name) {
  for (const NamePair& pair : pairs) {
    if (name.starts_with(pair.hf)) {
      return std::string(pair.gguf) + std::string(name.substr(pair.hf.size()));
    }
  }
  return std::nullopt;
}

// "mlp.experts.7.gate_proj.weight" -> "ffn_gate.7.weight", llama.cpp's name of one expert.
std::optional<std::string> ReplaceExpert(std::string_view name) {
  if (!name.starts_with(kExperts)) return std::nullopt;
  name.remove_prefix(kExperts.size());
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view projection = name.substr(dot + 1);
  for (const NamePair& pair : kExpert) {
    if (projection.starts_with(pair.hf)) {
      return fmt::format("{}.{}.{}", pair.gguf, name.substr(0, dot),
                         projection.substr(pair.hf.size()));
    }
  }
  return std::nullopt;
}

std::optional<GgmlType> ToGgml(SafetensorsType type) {
  switch (type) {
    case SafetensorsType::kF32: return GgmlType::kF32;
    case SafetensorsType::kF16: return GgmlType::kF16;
    case SafetensorsType::kBF16: return GgmlType::kBF16;
    case SafetensorsType::kF8E4M3: return GgmlType::kF8E4M3;
    default: return std::nullopt;
  }
}

bool FileExists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

// A shard lies beside its index: a path would let a model file read others of the machine.
Status CheckShardName(const std::string& index_path, const std::string& name, size_t shards) {
  if (shards >= kMaxShards) {
    return InvalidArgument("{}: at most {} shards are allowed", index_path, kMaxShards);
  }
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return InvalidArgument("{}: \"{}\" is not a plain file name", index_path, name);
  }
  return OkStatus();
}

}  // namespace

// The chat template stands in a file of its own, or in tokenizer_config.json.
StatusOr<std::string> ReadFolderChatTemplate(const std::string& folder) {
  if (FileExists(folder + "/chat_template.jinja")) {
    return ReadFile(folder + "/chat_template.jinja", kMaxConfigBytes);
  }
  const std::string path = folder + "/tokenizer_config.json";
  if (!FileExists(path)) return std::string();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 16 * kMaxConfigBytes));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return InvalidArgument("{}: expected a JSON object", path);
  auto it = json.find("chat_template");
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string GgufName(std::string_view architecture, std::string_view hf_name) {
  const bool encoder = architecture == "bert";
  std::string_view name = hf_name;
  if (encoder) {
    for (std::string_view prefix : {"bert.", "roberta."}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
  }
  const std::string_view layers = encoder ? "encoder.layer." : "model.layers.";
  std::optional<std::string> mapped;
  if (name.starts_with(layers)) {
    const std::string_view rest = name.substr(layers.size());
    const size_t dot = rest.find('.');
    if (dot != std::string_view::npos) {
      mapped = Replace(encoder ? absl::MakeConstSpan(kEncoderLayer)
                               : absl::MakeConstSpan(kDecoderLayer),
                       rest.substr(dot + 1));
      if (!mapped && !encoder) mapped = ReplaceExpert(rest.substr(dot + 1));
      if (mapped) return fmt::format("blk.{}.{}", rest.substr(0, dot), *mapped);
    }
  } else {
    mapped = Replace(encoder ? absl::MakeConstSpan(kEncoderTop) : absl::MakeConstSpan(kDecoderTop),
                     name);
  }
  return mapped.value_or(std::string(hf_name));
}

StatusOr<std::unique_ptr<Checkpoint>> HfCheckpoint::Open(const std::string& folder) {
  std::unique_ptr<HfCheckpoint> checkpoint(new HfCheckpoint());
  checkpoint->folder_ = folder;
  const std::string config_path = folder + "/config.json";
  ASSIGN_OR_RETURN(const std::string config_text, ReadFile(config_path, kMaxConfigBytes));
  ASSIGN_OR_RETURN(checkpoint->config_, ParseHfConfig(config_text, config_path));
  ASSIGN_OR_RETURN(checkpoint->config_.chat_template, ReadFolderChatTemplate(folder));
  RETURN_IF_ERROR(checkpoint->OpenShards());
  RETURN_IF_ERROR(checkpoint->AttachScales());
  const Weight* embedding = checkpoint->Find("token_embd.weight");
  const ModelConfig& config = checkpoint->config_;
  if (embedding == nullptr ||
      embedding->shape != std::vector<int64_t>{config.vocabulary, config.hidden_dim}) {
    return InvalidArgument("{}: the embedding matrix is missing or not [vocab_size {}, hidden_size "
                           "{}] as config.json says",
                           folder, config.vocabulary, config.hidden_dim);
  }
  return checkpoint;
}

Status HfCheckpoint::OpenShards() {
  const std::string index_path = folder_ + "/model.safetensors.index.json";
  if (!FileExists(index_path)) return AddShard("model.safetensors");
  ASSIGN_OR_RETURN(const std::string text, ReadFile(index_path, kMaxIndexBytes));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json.at("weight_map").is_object()) {
    return InvalidArgument("{}: expected an object with \"weight_map\"", index_path);
  }
  std::map<std::string, const SafetensorsFile*> shards;
  for (const auto& [tensor, file] : json.at("weight_map").items()) {
    if (!file.is_string()) return InvalidArgument("{}: {} names no file", index_path, tensor);
    const std::string name = file.get<std::string>();
    if (!shards.contains(name)) {
      RETURN_IF_ERROR(CheckShardName(index_path, name, shards.size()));
      RETURN_IF_ERROR(AddShard(name));
      shards[name] = shards_.back().get();
    }
    if (shards[name]->Find(tensor) == nullptr) {
      return InvalidArgument("{}: {} is not in {} as the index says; copy the shards again",
                             index_path, tensor, name);
    }
  }
  return OkStatus();
}

void HfCheckpoint::Forget(const Weight& weight) const {
  for (const auto& shard : shards_) shard->Forget(weight.data);
}

Status HfCheckpoint::CheckFiles() const {
  for (const auto& shard : shards_) RETURN_IF_ERROR(shard->CheckStillThere());
  return OkStatus();
}

Status HfCheckpoint::AddShard(const std::string& file_name) {
  ASSIGN_OR_RETURN(auto shard, SafetensorsFile::Open(folder_ + "/" + file_name));
  for (const SafetensorsEntry& entry : shard->entries()) RETURN_IF_ERROR(AddTensor(entry));
  shards_.push_back(std::move(shard));
  return OkStatus();
}

Status HfCheckpoint::AddTensor(const SafetensorsEntry& entry) {
  const std::optional<GgmlType> type = ToGgml(entry.type);
  if (!type) return OkStatus();  // buffers such as position_ids; a missing weight is named by Get()
  if (type == GgmlType::kF8E4M3 && !config_.fp8_weights) {
    return InvalidArgument("{}: tensor {} is {}, but config.json has no \"quantization_config\" of "
                           "DeepSeek's kind", folder_, entry.name, NameOf(entry.type));
  }
  Weight weight{*type, entry.shape, entry.data, {}};
  const auto address = reinterpret_cast<uintptr_t>(entry.data.data());
  if (address % static_cast<uintptr_t>(BytesOf(entry.type)) != 0) {
    std::vector<uint64_t> copy((entry.data.size() + 7) / 8);
    std::memcpy(copy.data(), entry.data.data(), entry.data.size());
    weight.data = {reinterpret_cast<const uint8_t*>(copy.data()), entry.data.size()};
    realigned_.push_back(std::move(copy));
  }
  std::string name = GgufName(config_.architecture, entry.name);
  if (config_.tied_embeddings && name == "output.weight") return OkStatus();
  if (!weights_.emplace(std::move(name), std::move(weight)).second) {
    return InvalidArgument("{}: tensor {} stands in two shards", folder_, entry.name);
  }
  return OkStatus();
}

// The scales of W.weight stand beside it as W.weight_scale_inv; they become part of the weight.
Status HfCheckpoint::AttachScales() {
  for (auto& [name, weight] : weights_) {
    if (weight.type != GgmlType::kF8E4M3) continue;
    const std::string_view stem = std::string_view(name).substr(0, name.rfind(".weight"));
    const auto it = weights_.find(std::string(stem) + std::string(kScaleSuffix));
    if (it == weights_.end() || !name.ends_with(".weight")) {
      return InvalidArgument("{}: FP8 tensor {} has no {}", folder_, name, kScaleSuffix.substr(1));
    }
    const Weight& scales = it->second;
    const auto blocks = [](int64_t side) { return side / 128 + (side % 128 != 0 ? 1 : 0); };
    if (weight.shape.size() != 2 || scales.type != GgmlType::kF32 ||
        scales.shape != std::vector<int64_t>{blocks(weight.shape[0]), blocks(weight.shape[1])}) {
      return InvalidArgument(
          "{}: FP8 tensor {} of shape [{}] has {} scales of shape [{}], expected "
          "a matrix and one F32 scale per block of 128 x 128",
          folder_, name, fmt::join(weight.shape, ", "), TraitsOf(scales.type).name,
          fmt::join(scales.shape, ", "));
    }
    weight.scales = {reinterpret_cast<const float*>(scales.data.data()), scales.data.size() / 4};
    for (const float scale : weight.scales) {
      if (!std::isfinite(scale)) {
        return InvalidArgument("{}: a scale of FP8 tensor {} is {}; copy the model again", folder_,
                               name, scale);
      }
    }
  }
  std::erase_if(weights_, [](const auto& item) { return item.first.ends_with(kScaleSuffix); });
  return OkStatus();
}

const Weight* HfCheckpoint::Find(std::string_view name) const {
  auto it = weights_.find(name);
  return it == weights_.end() ? nullptr : &it->second;
}

std::vector<std::string> HfCheckpoint::names() const {
  std::vector<std::string> result;
  for (const auto& [name, weight] : weights_) result.push_back(name);
  return result;
}

}  // namespace hadal::inference
