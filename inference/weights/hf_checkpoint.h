#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/weights/checkpoint.h"
#include "inference/weights/safetensors.h"

namespace hadal::inference {

/// A Checkpoint over a Hugging Face folder: config.json and model.safetensors, or the shards that
/// model.safetensors.index.json lists. Thread-safe.
class HfCheckpoint final : public Checkpoint {
 public:
  static StatusOr<std::unique_ptr<Checkpoint>> Open(const std::string& folder);
  const ModelConfig& config() const override { return config_; }
  const Weight* Find(std::string_view name) const override;
  std::vector<std::string> names() const override;
  const std::string& path() const override { return folder_; }
  void Forget(const Weight& weight) const override;
  Status CheckFiles() const override;

 private:
  HfCheckpoint() = default;
  Status OpenShards();
  Status AddShard(const std::string& file_name);
  Status AddTensor(const SafetensorsEntry& entry);
  Status AttachScales();

  std::string folder_;
  ModelConfig config_;
  std::vector<std::unique_ptr<SafetensorsFile>> shards_;
  std::vector<std::vector<uint64_t>> realigned_;  ///< copies of tensors at odd addresses
  Weights weights_;
};

/// The chat template of a folder: chat_template.jinja or tokenizer_config.json; empty when neither.
StatusOr<std::string> ReadFolderChatTemplate(const std::string& folder);

/// The GGUF name of a tensor of `architecture` ("model.layers.3.self_attn.q_proj.weight" ->
/// "blk.3.attn_q.weight"); the name itself when there is none.
std::string GgufName(std::string_view architecture, std::string_view hf_name);

}  // namespace hadal::inference
