#include "services/inference/served_models.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal::inference_service {

const char* NameOf(ModelKind kind) { return kind == ModelKind::kChat ? "chat" : "embedding"; }

void ServedModels::Add(Model model) {
  absl::MutexLock lock(&mu_);
  CHECK(std::none_of(models_.begin(), models_.end(),
                     [&model](const Model& other) { return other->entry.id == model->entry.id; }));
  models_.push_back(std::move(model));
}

ServedModels::Model ServedModels::Remove(const std::string& id) {
  absl::MutexLock lock(&mu_);
  const auto found = std::find_if(models_.begin(), models_.end(),
                                  [&id](const Model& model) { return model->entry.id == id; });
  if (found == models_.end()) return nullptr;
  Model model = std::move(*found);
  models_.erase(found);
  return model;
}

std::vector<ServedModels::Model> ServedModels::all() const {
  absl::MutexLock lock(&mu_);
  return models_;
}

StatusOr<ServedModels::Model> ServedModels::Find(const std::string& id, ModelKind kind) const {
  if (id.empty()) {
    absl::MutexLock lock(&mu_);
    for (const Model& model : models_) {
      if (model->entry.kind == kind) return model;
    }
    return FailedPrecondition("no {} model is served here; load one with 'hadal model load'",
                              NameOf(kind));
  }
  ASSIGN_OR_RETURN(Model model, Find(id));
  if (model->entry.kind != kind) {
    return InvalidArgument("{} is not a model of the kind {}", id, NameOf(kind));
  }
  return model;
}

StatusOr<ServedModels::Model> ServedModels::Find(const std::string& id) const {
  absl::MutexLock lock(&mu_);
  std::string known;
  for (const Model& model : models_) {
    if (id.empty() || model->entry.id == id) return model;
    known += (known.empty() ? "" : ", ") + model->entry.id;
  }
  return NotFound("there is no model {}; there are: {}", id, known);
}

}  // namespace hadal::inference_service
