#include "inference/weights/gguf_checkpoint.h"

#include <cstring>
#include <utility>

#include "inference/weights/gguf_deepseek.h"
#include "inference/weights/gguf_keys.h"
#include "inference/weights/model_config.h"
#include "inference/weights/qwen2_moe_config.h"

namespace hadal::inference {
namespace {

// Llama 3.1 files carry the scaling as one tensor of factors.
Status ReadFreqFactors(const GgufFile& file, ModelConfig& config) {
  const GgufTensor* tensor = file.FindTensor("rope_freqs.weight");
  if (tensor == nullptr) return OkStatus();
  if (tensor->type != GgmlType::kF32 || tensor->shape.size() != 1 ||
      tensor->num_values() != config.head_dim / 2) {
    return InvalidArgument("{}: rope_freqs.weight is not {} F32 values", file.path(),
                           config.head_dim / 2);
  }
  config.rope_freq_factors.resize(static_cast<size_t>(tensor->num_values()));
  std::memcpy(config.rope_freq_factors.data(), tensor->data.data(), tensor->data.size());
  return OkStatus();
}

Status ReadRope(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  if (keys.Has("rope.freq_base")) {
    ASSIGN_OR_RETURN(config.rope_theta, keys.Float("rope.freq_base"));
  }
  ASSIGN_OR_RETURN(const int32_t rotated, keys.IntOr("rope.dimension_count", config.head_dim));
  if (rotated != config.head_dim) {
    return InvalidArgument("{}: \"{}\" is {}, only the whole head ({}) is supported", file.path(),
                           keys.Full("rope.dimension_count"), rotated, config.head_dim);
  }
  ASSIGN_OR_RETURN(const std::string scaling, keys.StringOr("rope.scaling.type", "none"));
  if (scaling != "none") {
    return InvalidArgument("{}: \"{}\" is \"{}\", only \"none\" is supported", file.path(),
                           keys.Full("rope.scaling.type"), scaling);
  }
  config.rope_interleaved = config.architecture == "llama";
  return ReadFreqFactors(file, config);
}

}  // namespace

StatusOr<std::string> ReadGgufChatTemplate(const GgufFile& file) {
  if (!file.metadata().contains("tokenizer.chat_template")) return std::string();
  return file.GetString("tokenizer.chat_template");
}

StatusOr<ModelConfig> ReadGgufConfig(const GgufFile& file) {
  ModelConfig config;
  ASSIGN_OR_RETURN(config.architecture, file.GetString("general.architecture"));
  const bool encoder = config.architecture == "bert";
  const bool deepseek = config.architecture == "deepseek2";
  const bool qwen_moe = config.architecture == "qwen2moe";
  if (!encoder && !deepseek && !qwen_moe && config.architecture != "qwen2" &&
      config.architecture != "llama") {
    return Unimplemented(
        "{}: architecture \"{}\", supported are deepseek2, qwen2, qwen2moe, llama, bert",
        file.path(), config.architecture);
  }
  const GgufKeys keys(file, config.architecture);
  ASSIGN_OR_RETURN(config.num_layers, keys.Int("block_count"));
  ASSIGN_OR_RETURN(config.hidden_dim, keys.Int("embedding_length"));
  ASSIGN_OR_RETURN(config.num_heads, keys.Int("attention.head_count"));
  ASSIGN_OR_RETURN(config.num_kv_heads, keys.IntOr("attention.head_count_kv", config.num_heads));
  const int32_t default_head = config.num_heads > 0 ? config.hidden_dim / config.num_heads : 0;
  ASSIGN_OR_RETURN(config.head_dim, keys.IntOr("attention.key_length", default_head));
  ASSIGN_OR_RETURN(config.ffn_dim, keys.Int("feed_forward_length"));
  ASSIGN_OR_RETURN(config.context_length, keys.Int("context_length"));
  ASSIGN_OR_RETURN(config.norm_eps, keys.Float(encoder ? "attention.layer_norm_epsilon"
                                                       : "attention.layer_norm_rms_epsilon"));
  if (deepseek) {
    RETURN_IF_ERROR(ReadGgufDeepseek(keys, config));
  } else if (!encoder) {
    RETURN_IF_ERROR(ReadRope(file, keys, config));
  }
  if (qwen_moe) RETURN_IF_ERROR(ReadGgufQwen2Moe(keys, config));

  const GgufTensor* embedding = file.FindTensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2 || embedding->shape[0] > INT32_MAX) {
    return InvalidArgument("{}: expected a matrix token_embd.weight; the file holds no whole model",
                           file.path());
  }
  config.vocabulary = static_cast<int32_t>(embedding->shape[0]);
  config.tied_embeddings = file.FindTensor("output.weight") == nullptr;
  ASSIGN_OR_RETURN(config.chat_template, ReadGgufChatTemplate(file));
  RETURN_IF_ERROR(ValidateModelConfig(config, file.path()));
  return config;
}

StatusOr<std::unique_ptr<Checkpoint>> GgufCheckpoint::Open(const std::string& path) {
  std::unique_ptr<GgufCheckpoint> checkpoint(new GgufCheckpoint());
  ASSIGN_OR_RETURN(checkpoint->file_, GgufFile::Open(path));
  ASSIGN_OR_RETURN(checkpoint->config_, ReadGgufConfig(*checkpoint->file_));
  for (const GgufTensor& tensor : checkpoint->file_->tensors()) {
    checkpoint->weights_.emplace(tensor.name, Weight{tensor.type, tensor.shape, tensor.data, {}});
  }
  RETURN_IF_ERROR(SplitStackedWeights(path, checkpoint->weights_));
  for (auto& [name, weight] : checkpoint->weights_) {  // a matrix of one row is stored as a vector
    if (name.ends_with(".ffn_gate_inp_shexp.weight") && weight.shape.size() == 1) {
      weight.shape.insert(weight.shape.begin(), 1);
    }
  }
  return checkpoint;
}

const Weight* GgufCheckpoint::Find(std::string_view name) const {
  auto it = weights_.find(name);
  return it == weights_.end() ? nullptr : &it->second;
}

std::vector<std::string> GgufCheckpoint::names() const {
  std::vector<std::string> result;
  for (const auto& [name, weight] : weights_) result.push_back(name);
  return result;
}

}  // namespace hadal::inference
