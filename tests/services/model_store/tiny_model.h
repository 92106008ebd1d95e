#pragma once

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "inference/weights/safetensors.h"

/// A chat model that loads in milliseconds: a llama folder of one layer with random weights, a
/// byte-level tokenizer and SmolLM2's chat template.
namespace hadal::testing {

struct TinyModel {
  int64_t hidden = 64;
  int64_t vocabulary = 300;  ///< rows of the embedding; the tokenizer has fewer
  uint64_t seed = 1;
  std::string extra_token;  ///< makes it another tokenizer
};

inline std::string Utf8Of(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
}

/// Bytes as the characters that byte-level vocabularies write for them.
inline nlohmann::json ByteVocabulary() {
  nlohmann::json vocabulary = nlohmann::json::object();
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool shown = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    vocabulary[Utf8Of(shown ? byte : next++)] = byte;
  }
  return vocabulary;
}

inline Status WriteTinyTokenizer(const std::string& folder, const TinyModel& model) {
  using nlohmann::json;
  json added = json::array();
  std::vector<std::string> tokens = {"<|im_start|>", "<|im_end|>"};
  if (!model.extra_token.empty()) tokens.push_back(model.extra_token);
  for (const std::string& token : tokens) {
    added.push_back({{"id", 256 + added.size()}, {"content", token}, {"special", true}});
  }
  const json tokenizer = {
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"post_processor", nullptr},
      {"model", {{"type", "BPE"}, {"vocab", ByteVocabulary()}, {"merges", json::array()}}}};
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/tokenizer.json", tokenizer.dump()));
  const json config = {
      {"eos_token", "<|im_end|>"},
      {"chat_template",
       "<|im_start|>system You are a helpful AI assistant named SmolLM, trained by Hugging Face"}};
  return WriteFileAtomic(folder + "/tokenizer_config.json", config.dump());
}

inline Status WriteTinyWeights(const std::string& folder, const TinyModel& model) {
  std::mt19937_64 random(model.seed);
  std::vector<inference::SafetensorsTensor> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    int64_t values = 1;
    for (const int64_t size : shape) values *= size;
    std::vector<float> numbers(static_cast<size_t>(values), 1.0f);
    if (shape.size() == 2) {
      std::uniform_real_distribution<float> uniform(-0.1f, 0.1f);
      for (float& number : numbers) number = uniform(random);
    }
    tensors.push_back({name, inference::SafetensorsType::kF32, std::move(shape),
                       std::string(reinterpret_cast<const char*>(numbers.data()),
                                   numbers.size() * sizeof(float))});
  };
  const int64_t hidden = model.hidden;
  const std::string layer = "model.layers.0.";
  add("model.embed_tokens.weight", {model.vocabulary, hidden});
  add("lm_head.weight", {model.vocabulary, hidden});
  add("model.norm.weight", {hidden});
  add(layer + "input_layernorm.weight", {hidden});
  add(layer + "post_attention_layernorm.weight", {hidden});
  for (const char* name : {"q", "k", "v", "o"}) {
    add(layer + "self_attn." + name + "_proj.weight", {hidden, hidden});
  }
  add(layer + "mlp.gate_proj.weight", {2 * hidden, hidden});
  add(layer + "mlp.up_proj.weight", {2 * hidden, hidden});
  add(layer + "mlp.down_proj.weight", {hidden, 2 * hidden});
  return inference::WriteSafetensors(folder + "/model.safetensors", tensors);
}

/// Makes `folder`, and the model in it.
inline Status WriteTinyModel(const std::string& folder, const TinyModel& model = {}) {
  RETURN_IF_ERROR(MakeDirectories(folder));
  const nlohmann::json config = {{"architectures", {"LlamaForCausalLM"}},
                                 {"model_type", "llama"},
                                 {"hidden_size", model.hidden},
                                 {"intermediate_size", 2 * model.hidden},
                                 {"num_attention_heads", 2},
                                 {"num_key_value_heads", 2},
                                 {"num_hidden_layers", 1},
                                 {"hidden_act", "silu"},
                                 {"rms_norm_eps", 1e-5},
                                 {"rope_theta", 10000.0},
                                 {"max_position_embeddings", 4096},
                                 {"tie_word_embeddings", false},
                                 {"torch_dtype", "float32"},
                                 {"vocab_size", model.vocabulary}};
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/config.json", config.dump()));
  RETURN_IF_ERROR(WriteTinyTokenizer(folder, model));
  return WriteTinyWeights(folder, model);
}

}  // namespace hadal::testing
