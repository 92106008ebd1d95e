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
    if (architecture == "qwen2_moe") AddQwenExperts(&config);
    if (architecture.starts_with("deepseek")) AddDeepseek(architecture == "deepseek_v3", &config);
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
    for (int32_t i = 0; i < config.num_layers + config.num_nextn_layers; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      Vector(prefix + "attn_norm.weight", hidden, 1.0f);
      Vector(prefix + "ffn_norm.weight", hidden, 1.0f);
      if (config.mla.kv_lora_rank > 0) {
        DeepseekLayer(prefix, i, type);
        if (i >= config.num_layers) PredictionLayer(prefix + "nextn.", type);
        continue;
      }
      Matrix(prefix + "attn_q.weight", type, q_dim, hidden);
      Matrix(prefix + "attn_k.weight", type, kv_dim, hidden);
      Matrix(prefix + "attn_v.weight", type, kv_dim, hidden);
      Matrix(prefix + "attn_output.weight", type, hidden, q_dim);
      FeedForward(prefix, i, type);
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
  /// The parts of a head are whole blocks of 128, so that FP8 stays FP8, and keys have two, so that
  /// transposing their scales matters; the latent has a ragged block.
  static void AddDeepseek(bool v3, ModelConfig* config) {
    config->num_layers = 3;
    config->num_heads = config->num_kv_heads = 4;
    config->mla = {v3 ? 96 : 0, 192, 256, 32, 128};
    config->head_dim = 288;
    config->moe.num_experts = 8;
    config->moe.experts_per_token = 3;
    config->moe.expert_ffn_dim = 96;
    config->moe.shared_ffn_dim = v3 ? 96 : 0;
    config->moe.first_dense_layers = 1;
    config->moe.num_groups = 4;
    config->moe.groups_per_token = 2;
    config->moe.gate = v3 ? ExpertGate::kSigmoidGroups : ExpertGate::kSoftmaxGroups;
    config->moe.normalize_weights = v3;
    config->moe.weight_scale = 2;
  }

  /// Dense and sparse layers alternate.
  static void AddQwenExperts(ModelConfig* config) {
    config->num_layers = 3;
    config->moe.num_experts = 8;
    config->moe.experts_per_token = 3;
    config->moe.expert_ffn_dim = 96;
    config->moe.shared_ffn_dim = 160;
    config->moe.gated_shared = true;
    config->moe.dense_layers = {1};
  }

  void DeepseekLayer(const std::string& prefix, int32_t index, GgmlType type) {
    const MlaConfig& mla = config_.mla;
    const int64_t hidden = config_.hidden_dim;
    const int64_t heads = config_.num_heads;
    if (mla.q_lora_rank > 0) {
      Matrix(prefix + "attn_q_a.weight", type, mla.q_lora_rank, hidden);
      Vector(prefix + "attn_q_a_norm.weight", mla.q_lora_rank, 1.0f);
      Matrix(prefix + "attn_q_b.weight", type, heads * config_.head_dim, mla.q_lora_rank);
    } else {
      Matrix(prefix + "attn_q.weight", type, heads * config_.head_dim, hidden);
    }
    Matrix(prefix + "attn_kv_a_mqa.weight", type, mla.kv_lora_rank + mla.qk_rope_head_dim, hidden);
    Vector(prefix + "attn_kv_a_norm.weight", mla.kv_lora_rank, 1.0f);
    Matrix(prefix + "attn_kv_b.weight", type, heads * (mla.qk_nope_head_dim + mla.v_head_dim),
           mla.kv_lora_rank);
    Matrix(prefix + "attn_output.weight", type, hidden, heads * mla.v_head_dim);
    FeedForward(prefix, index, type);
  }

  void FeedForward(const std::string& prefix, int32_t index, GgmlType type) {
    const MoeConfig& moe = config_.moe;
    const int64_t hidden = config_.hidden_dim;
    const auto mlp = [&](const std::string& suffix, int64_t ffn) {
      Matrix(prefix + "ffn_gate" + suffix, type, ffn, hidden);
      Matrix(prefix + "ffn_up" + suffix, type, ffn, hidden);
      Matrix(prefix + "ffn_down" + suffix, type, hidden, ffn);
    };
    if (!config_.HasExperts(index)) return mlp(".weight", config_.ffn_dim);
    Matrix(prefix + "ffn_gate_inp.weight", GgmlType::kF32, moe.num_experts, hidden);
    if (moe.gate == ExpertGate::kSigmoidGroups) {
      Vector(prefix + "exp_probs_b.bias", moe.num_experts, 0.0f);
    }
    for (int32_t e = 0; e < moe.num_experts; ++e) {
      mlp("." + std::to_string(e) + ".weight", moe.expert_ffn_dim);
    }
    if (moe.shared_ffn_dim > 0) mlp("_shexp.weight", moe.shared_ffn_dim);
    if (moe.gated_shared) Matrix(prefix + "ffn_gate_inp_shexp.weight", GgmlType::kF32, 1, hidden);
  }

  void PredictionLayer(const std::string& prefix, GgmlType type) {
    for (const char* norm : {"enorm.weight", "hnorm.weight", "shared_head_norm.weight"}) {
      Vector(prefix + norm, config_.hidden_dim, 1.0f);
    }
    Matrix(prefix + "eh_proj.weight", type, config_.hidden_dim, 2 * int64_t{config_.hidden_dim});
  }

  void Matrix(const std::string& name, GgmlType type, int64_t rows, int64_t cols) {
    storage_[name] = RandomStored(*ToElementType(type), rows, cols, ++seed_);
    weights_[name] = Weight{type, {rows, cols}, storage_[name], {}};
    if (type != GgmlType::kF8E4M3) return;
    scales_[name] = RandomScales(rows, cols, seed_);
    weights_[name].scales = scales_[name];
  }
  void Vector(const std::string& name, int64_t size, float mean) {
    std::vector<float> values = RandomFloats(static_cast<size_t>(size), ++seed_, 0.1f);
    for (float& value : values) value += mean;
    std::vector<uint8_t>& bytes = storage_[name];
    bytes.resize(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    weights_[name] = Weight{GgmlType::kF32, {size}, bytes, {}};
  }

  const ModelConfig config_;
  const std::string path_ = "synthetic";
  uint64_t seed_;
  std::map<std::string, std::vector<uint8_t>> storage_;
  std::map<std::string, std::vector<float>> scales_;
  std::map<std::string, Weight> weights_;
};

}  // namespace hadal::inference
