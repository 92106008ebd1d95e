#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/chat_model.h"
#include "inference/embedder.h"
#include "inference/model_info.h"
#include "inference/rank_group.h"
#include "services/inference/config.h"

namespace hadal::inference_service {

/// One loaded model: `chat` or `embedder` is set, as `entry.kind` says.
struct ServedModel {
  ModelEntry entry;  ///< id and full path
  inference::ModelInfo info;
  std::shared_ptr<inference::ChatModel> chat;
  std::shared_ptr<inference::Embedder> embedder;
};

/// The models of this process, fixed once loaded. Thread-safe (const).
class ServedModels {
 public:
  /// Loads every entry; the error names the model that failed. With `ranks`, which this process
  /// leads, chat models are shared with the followers.
  static StatusOr<std::unique_ptr<ServedModels>> Load(const InferenceConfig& config,
                                                      inference::RankGroup* ranks = nullptr);

  explicit ServedModels(std::vector<ServedModel> models) : models_(std::move(models)) {}

  const std::vector<ServedModel>& all() const { return models_; }

  /// The model called `id`, or the first of `kind` when `id` is empty. NOT_FOUND naming those there
  /// are; INVALID_ARGUMENT when it is of the other kind.
  StatusOr<const ServedModel*> Find(const std::string& id, ModelKind kind) const;
  /// Of any kind; the first one when `id` is empty.
  StatusOr<const ServedModel*> Find(const std::string& id) const;

 private:
  const std::vector<ServedModel> models_;
};

}  // namespace hadal::inference_service
