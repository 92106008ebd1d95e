#pragma once

#include <map>
#include <string>
#include <vector>

#include "inference/model/load_weight.h"
#include "inference/weights/checkpoint.h"
#include "tests/inference/kernels/random_blocks.h"

namespace hadal::inference {

/// A checkpoint in memory: random weights of one type for every matrix, F32 norms and biases.
class SyntheticCheckpoint final : public Checkpoint {
 public:
  static ModelConfig SmallConfig(const std::string& architecture) {
    ModelConfig config;
    config.architecture = architecture;
    config.num_layers = 2;
    config.hidden_dim = 256;
    config.num_heads = 8;
    config.num_kv_heads = 2;
    config.head_dim = 32;
    config.ffn_dim = 512;
    config.vocabulary = 500;
    config.context_length = 512;
    config.rope_interleaved = architecture == "llama";
    config.tied_embeddings = architecture == "llama";
    return config;
  }

  SyntheticCheckpoint(const ModelConfig& config, GgmlType type, uint64_t seed)
      : config_(config), seed_(seed) {
    const int64_t hidden = config.hidden_dim;
    const int64_t q_dim = int64_t{config.num_heads} * config.head_dim;
    const int64_t kv_dim = int64_t{config.num_kv_heads} * config.head_dim;
    Matrix("token_embd.weight", type, config.vocabulary, hidden);
    if (!config.tied_embeddings) Matrix("output.weight", type, config.vocabulary, hidden);
    Vector("output_norm.weight", hidden, 1.0f);
    for (int32_t i = 0; i < config.num_layers; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      Vector(prefix + "attn_norm.weight", hidden, 1.0f);
      Vector(prefix + "ffn_norm.weight", hidden, 1.0f);
      Matrix(prefix + "attn_q.weight", type, q_dim, hidden);
      Matrix(prefix + "attn_k.weight", type, kv_dim, hidden);
      Matrix(prefix + "attn_v.weight", type, kv_dim, hidden);
      Matrix(prefix + "attn_output.weight", type, hidden, q_dim);
      Matrix(prefix + "ffn_gate.weight", type, config.ffn_dim, hidden);
      Matrix(prefix + "ffn_up.weight", type, config.ffn_dim, hidden);
      Matrix(prefix + "ffn_down.weight", type, hidden, config.ffn_dim);
      Vector(prefix + "attn_q.bias", q_dim, 0.0f);
      Vector(prefix + "attn_k.bias", kv_dim, 0.0f);
      Vector(prefix + "attn_v.bias", kv_dim, 0.0f);
    }
  }

  void Remove(const std::string& name) { weights_.erase(name); }

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return path_; }
  const Weight* Find(std::string_view name) const override {
    const auto it = weights_.find(std::string(name));
    return it == weights_.end() ? nullptr : &it->second;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, weight] : weights_) all.push_back(name);
    return all;
  }

 private:
  void Matrix(const std::string& name, GgmlType type, int64_t rows, int64_t cols) {
    storage_[name] = RandomStored(*ToElementType(type), rows, cols, ++seed_);
    weights_[name] = Weight{type, {rows, cols}, storage_[name]};
  }
  void Vector(const std::string& name, int64_t size, float mean) {
    std::vector<float> values = RandomFloats(static_cast<size_t>(size), ++seed_, 0.1f);
    for (float& value : values) value += mean;
    std::vector<uint8_t>& bytes = storage_[name];
    bytes.resize(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    weights_[name] = Weight{GgmlType::kF32, {size}, bytes};
  }

  const ModelConfig config_;
  const std::string path_ = "synthetic";
  uint64_t seed_;
  std::map<std::string, std::vector<uint8_t>> storage_;
  std::map<std::string, Weight> weights_;
};

}  // namespace hadal::inference
