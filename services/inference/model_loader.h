#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "inference/chat_model.h"
#include "inference/rank_group.h"
#include "services/inference/config.h"
#include "services/inference/served_models.h"
#include "services/model_store/file_digest.h"
#include "services/model_store/model_store.h"

namespace hadal::inference_service {

/// A model and where it comes from. `stored`: an import made it, so that its files are checked.
struct ModelSource {
  ModelEntry entry;  ///< the path is what the engine opens
  std::optional<model_store::StoredModel> stored;
};

/// The manifest beside, or in, the path of a configured model decides what is opened.
/// INVALID_ARGUMENT for a damaged manifest, or one of another kind than the entry.
StatusOr<ModelSource> SourceOf(ModelEntry entry);

/// FAILED_PRECONDITION saying what differs unless `draft` can guess tokens for `model`: a chat
/// model with the same tokenizer and the same vocabulary.
Status CheckDraft(const ModelSource& model, const ModelSource& draft);

/// What Load() needs besides the model.
struct LoadContext {
  inference::EngineOptions options;  ///< with the path of the draft, where there is one
  std::shared_ptr<inference::ThreadPool> pool;
  inference::RankGroup* ranks = nullptr;  ///< chat models are shared with its followers
};

/// Loads a model; meanwhile another thread reads the files of an imported one (and of its `draft`)
/// and compares them with the manifest, so that a disk is read once. Nothing is returned before
/// both are done: a changed file is DATA_LOSS naming it, even where it could be loaded. `progress`
/// is told the bytes compared.
StatusOr<std::unique_ptr<ServedModel>> LoadModel(const ModelSource& model,
                                                 const std::optional<ModelSource>& draft,
                                                 const LoadContext& context,
                                                 const model_store::Progress& progress);

}  // namespace hadal::inference_service
