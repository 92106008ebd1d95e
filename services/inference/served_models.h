#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "inference/chat_model.h"
#include "inference/embedder.h"
#include "inference/model_info.h"
#include "services/inference/config.h"

namespace hadal::inference_service {

/// One loaded model: `chat` or `embedder` is set, as `entry.kind` says. Whoever uses it holds it;
/// it ends with its last holder.
struct ServedModel {
  ModelEntry entry;  ///< id and full path
  inference::ModelInfo info;
  std::shared_ptr<inference::ChatModel> chat;
  std::shared_ptr<inference::Embedder> embedder;
  std::string sha256;  ///< of an imported model, checked when it was loaded; else empty
  /// The grace of its unloading is over: what still runs on it ends with Retired().
  mutable std::atomic<bool> retired = false;

  /// NOT_FOUND, like every later request: the gateway hides what it thinks is a passing trouble.
  Status Retired() const {
    return NotFound("the model {} was unloaded while it answered; ask another model", entry.id);
  }
};

/// The models that requests find, in the order they came. Thread-safe.
class ServedModels {
 public:
  using Model = std::shared_ptr<const ServedModel>;

  /// No other has its id.
  void Add(Model model) ABSL_LOCKS_EXCLUDED(mu_);
  /// No request finds `id` any more; those that run go on. Null when it is not there.
  Model Remove(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Model> all() const ABSL_LOCKS_EXCLUDED(mu_);

  /// The model called `id`, or the first of `kind` when `id` is empty. NOT_FOUND naming those there
  /// are; INVALID_ARGUMENT when it is of the other kind.
  StatusOr<Model> Find(const std::string& id, ModelKind kind) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Of any kind; the first one when `id` is empty.
  StatusOr<Model> Find(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::vector<Model> models_ ABSL_GUARDED_BY(mu_);
};

/// "chat" or "embedding".
const char* NameOf(ModelKind kind);

}  // namespace hadal::inference_service
