#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// A Checkpoint over one GGUF file. Thread-safe.
class GgufCheckpoint final : public Checkpoint {
 public:
  static StatusOr<std::unique_ptr<Checkpoint>> Open(const std::string& path);
  const ModelConfig& config() const override { return config_; }
  const Weight* Find(std::string_view name) const override;
  std::vector<std::string> names() const override;
  const std::string& path() const override { return file_->path(); }
  void Forget(const Weight& weight) const override { file_->Forget(weight.data); }
  Status CheckFiles() const override { return file_->CheckStillThere(); }

 private:
  GgufCheckpoint() = default;
  std::unique_ptr<GgufFile> file_;
  ModelConfig config_;
  Weights weights_;
};

/// The chat template of the file, empty when it has none.
StatusOr<std::string> ReadGgufChatTemplate(const GgufFile& file);

/// ModelConfig from the file's metadata. INVALID_ARGUMENT naming the key, UNIMPLEMENTED naming the
/// architecture.
StatusOr<ModelConfig> ReadGgufConfig(const GgufFile& file);

}  // namespace hadal::inference
