// hadal-model inspect MODEL: what the files say, without loading the weights.
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/chat.h"
#include "inference/tokenizer.h"
#include "inference/tool/commands.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference::tool {
namespace {

struct Options {
  std::string model;
  bool json = false;
  bool tensors = false;
};

const char* TemplateName(const std::string& jinja) {
  if (jinja.empty()) return "none";
  const auto known = IdentifyChatTemplate(jinja);
  if (!known.ok()) return "unknown";
  switch (*known) {
    case ChatTemplate::kQwen25: return "qwen2.5";
    case ChatTemplate::kR1DistillQwen: return "r1-distill-qwen";
    case ChatTemplate::kDeepSeekR1: return "deepseek-r1";
    case ChatTemplate::kR1DistillThinks: return "r1-distill-qwen, thinking";
    case ChatTemplate::kDeepSeekR1Thinks: return "deepseek-r1, thinking";
    case ChatTemplate::kSmolLm2: return "smollm2";
    case ChatTemplate::kDeepSeekV2: return "deepseek-v2";
    case ChatTemplate::kDeepSeekV25: return "deepseek-v2.5";
    case ChatTemplate::kDeepSeekV3: return "deepseek-v3";
    case ChatTemplate::kLlama3: return "llama-3";
    case ChatTemplate::kLlama31: return "llama-3.1";
  }
  return "unknown";
}

nlohmann::ordered_json Describe(const Checkpoint& checkpoint, const Options& options) {
  const ModelConfig& config = checkpoint.config();
  nlohmann::ordered_json out;
  out["architecture"] = config.architecture;
  out["layers"] = config.num_layers;
  out["hidden_dim"] = config.hidden_dim;
  out["heads"] = config.num_heads;
  out["kv_heads"] = config.num_kv_heads;
  out["head_dim"] = config.head_dim;
  out["ffn_dim"] = config.ffn_dim;
  if (config.mla.kv_lora_rank > 0) {
    out["q_lora_rank"] = config.mla.q_lora_rank;
    out["kv_lora_rank"] = config.mla.kv_lora_rank;
    out["qk_rope_head_dim"] = config.mla.qk_rope_head_dim;
    out["v_head_dim"] = config.mla.v_head_dim;
  }
  if (config.moe.num_experts > 0) {
    out["experts"] = config.moe.num_experts;
    out["experts_per_token"] = config.moe.experts_per_token;
    out["expert_ffn_dim"] = config.moe.expert_ffn_dim;
    out["shared_ffn_dim"] = config.moe.shared_ffn_dim;
  }
  out["vocabulary"] = config.vocabulary;
  out["context_length"] = config.context_length;
  if (config.architecture != "bert") out["rope_theta"] = config.rope_theta;
  // The shortest decimal of a float: 1e-06, not the double beside it.
  out["norm_eps"] = nlohmann::json::parse(fmt::format("{}", config.norm_eps));
  out["tied_embeddings"] = config.tied_embeddings;
  out["chat_template"] = TemplateName(config.chat_template);
  const auto tokenizer = LoadTokenizer(options.model);
  out["tokenizer_tokens"] = tokenizer.ok() ? (*tokenizer)->vocabulary_size() : 0;
  if (!tokenizer.ok()) out["tokenizer_error"] = StatusMessage(tokenizer.status());

  int64_t parameters = 0;
  int64_t bytes = 0;
  std::map<std::string, int64_t> bytes_by_type;
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const std::string& name : checkpoint.names()) {
    const Weight& weight = *checkpoint.Find(name);
    int64_t values = 1;
    for (int64_t dim : weight.shape) values *= dim;
    parameters += values;
    bytes += static_cast<int64_t>(weight.data.size());
    bytes_by_type[TraitsOf(weight.type).name] += static_cast<int64_t>(weight.data.size());
    if (options.tensors) {
      tensors.push_back(
          {{"name", name}, {"type", TraitsOf(weight.type).name}, {"shape", weight.shape}});
    }
  }
  out["parameters"] = parameters;
  out["weight_bytes"] = bytes;
  out["bytes_by_type"] = bytes_by_type;
  if (options.tensors) out["tensors"] = std::move(tensors);
  return out;
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::Open(options.model));
  const nlohmann::ordered_json found = Describe(*checkpoint, options);
  if (options.json) {
    std::printf("%s\n", found.dump(2).c_str());
    return OkStatus();
  }
  for (const auto& [key, value] : found.items()) {
    if (key == "tensors") {
      for (const auto& tensor : value) {
        std::printf("%-36s %-5s %s\n", tensor["name"].get<std::string>().c_str(),
                    tensor["type"].get<std::string>().c_str(), tensor["shape"].dump().c_str());
      }
      continue;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    std::printf("%-18s %s\n", key.c_str(), text.c_str());
  }
  return OkStatus();
}

}  // namespace

void AddInspect(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("inspect", "Shows what a model is: shape, types, tokenizer");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_flag("--json", options->json, "print JSON");
  command->add_flag("--tensors", options->tensors, "list every tensor");
  command->footer("example: hadal-model inspect models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
