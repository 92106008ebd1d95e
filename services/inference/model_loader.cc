#include "services/inference/model_loader.h"

#include <filesystem>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "inference/tokenizer.h"
#include "services/model_store/checkpoint_facts.h"

namespace hadal::inference_service {
namespace {

namespace fs = std::filesystem;

StatusOr<std::string> TokenizerOf(const ModelSource& model) {
  if (model.stored) return model.stored->manifest.tokenizer_sha256;
  ASSIGN_OR_RETURN(const auto tokenizer, inference::LoadTokenizer(model.entry.path));
  return model_store::TokenizerDigest(*tokenizer);
}

Status CheckFiles(const std::optional<ModelSource>& model, const model_store::Progress& progress) {
  if (!model || !model->stored) return OkStatus();
  return RequireFiles(model->stored->folder, model->stored->manifest, progress);
}

/// Of both models' files; nothing of what was not imported.
StatusOr<std::string> IdentityOf(const ModelSource& model,
                                 const std::optional<ModelSource>& draft) {
  std::string identity;
  for (const ModelSource* part : {&model, draft ? &*draft : nullptr}) {
    if (part == nullptr || !part->stored) continue;
    ASSIGN_OR_RETURN(const std::string files,
                     FilesIdentity(part->stored->folder, part->stored->manifest));
    identity += files;
  }
  return identity;
}

StatusOr<std::unique_ptr<ServedModel>> Load(const ModelSource& source, const LoadContext& context) {
  auto model = std::make_unique<ServedModel>();
  model->entry = source.entry;
  if (source.stored) model->sha256 = source.stored->manifest.Sha256();
  const std::string& path = source.entry.path;
  ASSIGN_OR_RETURN(model->info, inference::DescribeModel(path));
  if (source.entry.kind == ModelKind::kChat) {
    ASSIGN_OR_RETURN(inference::ChatModel chat,
                     inference::LoadChatModel(path, context.options, context.pool, context.ranks));
    model->chat = std::make_shared<inference::ChatModel>(std::move(chat));
  } else {
    ASSIGN_OR_RETURN(model->embedder, inference::Embedder::Load(path, context.pool));
  }
  return model;
}

}  // namespace

StatusOr<ModelSource> SourceOf(ModelEntry entry) {
  ModelSource source;
  std::error_code error;
  fs::path folder = entry.path;
  if (!fs::is_directory(folder, error)) folder = folder.parent_path();
  if (fs::exists(folder / model_store::kManifestName, error)) {
    model_store::StoredModel stored;
    stored.folder = folder.string();
    if (stored.folder.ends_with('/')) stored.folder.pop_back();
    ASSIGN_OR_RETURN(stored.manifest, model_store::ReadManifest(stored.folder));
    stored.path = entry.path = stored.manifest.PathIn(stored.folder);
    if (stored.manifest.embedding != (entry.kind == ModelKind::kEmbedding)) {
      return InvalidArgument(
          "{} is configured as a model of the kind {}; its manifest says another", entry.id,
          NameOf(entry.kind));
    }
    source.stored = std::move(stored);
  }
  source.entry = std::move(entry);
  return source;
}

Status CheckDraft(const ModelSource& model, const ModelSource& draft) {
  const std::string& id = draft.entry.id;
  if (id == model.entry.id) return FailedPrecondition("{} cannot draft for itself", id);
  if (model.entry.kind != ModelKind::kChat || draft.entry.kind != ModelKind::kChat) {
    return FailedPrecondition("{} cannot draft for {}: both must be chat models", id,
                              model.entry.id);
  }
  ASSIGN_OR_RETURN(const inference::ModelInfo of_model, inference::DescribeModel(model.entry.path));
  ASSIGN_OR_RETURN(const inference::ModelInfo of_draft, inference::DescribeModel(draft.entry.path));
  if (of_model.vocabulary != of_draft.vocabulary) {
    return FailedPrecondition("{} cannot draft for {}: its vocabulary has {} tokens, the other {}",
                              id, model.entry.id, of_draft.vocabulary, of_model.vocabulary);
  }
  ASSIGN_OR_RETURN(const std::string expected, TokenizerOf(model));
  ASSIGN_OR_RETURN(const std::string found, TokenizerOf(draft));
  if (expected == found) return OkStatus();
  return FailedPrecondition(
      "{} cannot draft for {}: the SHA-256 of its tokenizer is {}, of the other {}", id,
      model.entry.id, found, expected);
}

StatusOr<std::unique_ptr<ServedModel>> LoadModel(const ModelSource& model,
                                                 const std::optional<ModelSource>& draft,
                                                 const LoadContext& context,
                                                 const model_store::Progress& progress) {
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const std::string before, IdentityOf(model, draft));
  Status files;
  std::thread check([&] {
    files = CheckFiles(model, progress);
    if (files.ok()) files = CheckFiles(draft, progress);
  });
  StatusOr<std::unique_ptr<ServedModel>> loaded = Load(model, context);
  check.join();
  RETURN_IF_ERROR(files);
  ASSIGN_OR_RETURN(const std::string after, IdentityOf(model, draft));
  if (after != before) {
    return DataLoss("the files of {} changed while it was loaded; nobody may write to its folder",
                    model.entry.id);
  }
  if (!loaded.ok()) {
    return Annotate(loaded.status(),
                    fmt::format("cannot load the {} model {} from {}", NameOf(model.entry.kind),
                                model.entry.id, model.entry.path));
  }
  LogInfo("loaded {} model {} ({}, {:.0f} M parameters) in {:.2f} s", NameOf(model.entry.kind),
          model.entry.id, (*loaded)->info.architecture,
          static_cast<double>((*loaded)->info.parameters) / 1e6,
          absl::ToDoubleSeconds(absl::Now() - begin));
  return loaded;
}

}  // namespace hadal::inference_service
