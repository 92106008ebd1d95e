#include "services/inference/served_models.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"

namespace hadal::inference_service {
namespace {

const char* NameOf(ModelKind kind) { return kind == ModelKind::kChat ? "chat" : "embedding"; }

StatusOr<ServedModel> LoadOne(const ModelEntry& entry, const inference::EngineOptions& options,
                              const std::shared_ptr<inference::ThreadPool>& pool,
                              inference::RankGroup* ranks) {
  ServedModel model;
  model.entry = entry;
  ASSIGN_OR_RETURN(model.info, inference::DescribeModel(entry.path));
  if (entry.kind == ModelKind::kChat) {
    ASSIGN_OR_RETURN(inference::ChatModel chat,
                     inference::LoadChatModel(entry.path, options, pool, ranks));
    model.chat = std::make_shared<inference::ChatModel>(std::move(chat));
  } else {
    ASSIGN_OR_RETURN(model.embedder, inference::Embedder::Load(entry.path, pool));
  }
  return model;
}

}  // namespace

StatusOr<std::unique_ptr<ServedModels>> ServedModels::Load(const InferenceConfig& config,
                                                           inference::RankGroup* ranks) {
  ASSIGN_OR_RETURN(const std::vector<ModelEntry> entries, ModelsToServe(config));
  const auto pool = inference::MakeThreadPool(static_cast<int32_t>(config.threads));
  std::vector<ServedModel> models;
  for (const ModelEntry& entry : entries) {
    const absl::Time begin = absl::Now();
    StatusOr<ServedModel> model = LoadOne(entry, EngineOptionsOf(config), pool, ranks);
    if (!model.ok()) {
      return Annotate(model.status(), fmt::format("cannot load the {} model {} from {}",
                                                  NameOf(entry.kind), entry.id, entry.path));
    }
    LogInfo("loaded {} model {} ({}, {:.0f} M parameters) in {:.2f} s", NameOf(entry.kind),
            entry.id, model->info.architecture, static_cast<double>(model->info.parameters) / 1e6,
            absl::ToDoubleSeconds(absl::Now() - begin));
    models.push_back(*std::move(model));
  }
  return std::make_unique<ServedModels>(std::move(models));
}

StatusOr<const ServedModel*> ServedModels::Find(const std::string& id, ModelKind kind) const {
  if (id.empty()) {
    for (const ServedModel& model : models_) {
      if (model.entry.kind == kind) return &model;
    }
    return FailedPrecondition("no {} model is served here; name one in the configuration",
                              NameOf(kind));
  }
  ASSIGN_OR_RETURN(const ServedModel* model, Find(id));
  if (model->entry.kind != kind) {
    return InvalidArgument("{} is not a model of the kind {}", id, NameOf(kind));
  }
  return model;
}

StatusOr<const ServedModel*> ServedModels::Find(const std::string& id) const {
  std::string known;
  for (const ServedModel& model : models_) {
    if (id.empty() || model.entry.id == id) return &model;
    known += (known.empty() ? "" : ", ") + model.entry.id;
  }
  return NotFound("there is no model {}; there are: {}", id, known);
}

}  // namespace hadal::inference_service
