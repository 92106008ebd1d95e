#include "services/inference/model_host.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "services/inference/model_description.h"
#include "services/inference/model_digests.h"

namespace hadal::inference_service {
namespace {

int64_t MemoryBudgetBytes(const InferenceConfig& config) {
  return config.memory_budget_mib > 0 ? config.memory_budget_mib << 20 : MachineMemoryBytes();
}

/// Tokenizers, norms and what was read of headers: hundreds of thousands of small pieces, which the
/// allocator keeps.
void GiveBackHeap() { ::malloc_trim(0); }

int64_t BytesToCheck(const ModelSource& model) {
  return model.stored ? model.stored->manifest.total_bytes() : 0;
}

}  // namespace

StatusOr<std::unique_ptr<ModelHost>> ModelHost::Create(
    const InferenceConfig& config, std::shared_ptr<ServedModels> served,
    std::shared_ptr<inference::RankGroup> ranks) {
  ASSIGN_OR_RETURN(std::vector<ModelEntry> configured, ModelsToServe(config));
  if (config.import_folder.empty()) {
    RETURN_IF_ERROR(MakeDirectories(ImportFolderOf(config), 0700));
  }
  ASSIGN_OR_RETURN(WantedModels wanted,
                   WantedModels::Read(config.data_folder + "/inference/models.json"));
  return std::unique_ptr<ModelHost>(new ModelHost(config, std::move(configured), std::move(wanted),
                                                  std::move(served), std::move(ranks)));
}

ModelHost::ModelHost(const InferenceConfig& config, std::vector<ModelEntry> configured,
                     WantedModels wanted, std::shared_ptr<ServedModels> served,
                     std::shared_ptr<inference::RankGroup> ranks)
    : config_(config),
      configured_(std::move(configured)),
      served_(std::move(served)),
      ranks_(std::move(ranks)),
      pool_(inference::MakeThreadPool(static_cast<int32_t>(config.threads))),
      store_(config.models_folder),
      budget_(MemoryBudgetBytes(config)),
      wanted_(std::move(wanted)) {}

ModelHost::~ModelHost() {
  stopping_ = true;
  if (at_start_.joinable()) at_start_.join();
}

Status ModelHost::LoadAtStart() {
  store_.FinishRemovals();
  std::map<std::string, std::string> later;
  std::vector<std::pair<std::string, std::string>> now;
  {
    absl::MutexLock lock(&mu_);
    if (ranks_ == nullptr) later = wanted_.loaded();
    for (const ModelEntry& entry : configured_) {
      if (ranks_ == nullptr && wanted_.IsUnloaded(entry.id)) continue;
      const auto wish = later.extract(entry.id);
      now.emplace_back(entry.id, wish.empty() ? "" : wish.mapped());
    }
  }
  for (const auto& [id, draft] : now) {
    RETURN_IF_ERROR(Begin(id, {.state = State::kLoading, .draft = draft}));
    Status loaded = LoadAndServe(id, draft);
    if (!loaded.ok() && !draft.empty()) {
      LogError("{} is served without its draft: {}", id, StatusMessage(loaded));
      RETURN_IF_ERROR(Begin(id, {.state = State::kLoading}));
      loaded = LoadAndServe(id, "");
    }
    RETURN_IF_ERROR(loaded);
  }
  for (const auto& [id, draft] : later) {
    RETURN_IF_ERROR(Begin(id, {.state = State::kLoading, .draft = draft}));
  }
  started_ = true;
  at_start_ = std::thread([this, later] {
    for (const auto& [id, draft] : later) {
      if (stopping_) return;
      if (const Status loaded = LoadAndServe(id, draft); !loaded.ok()) {
        LogError("{}", StatusMessage(loaded));
      }
    }
  });
  return OkStatus();
}

v1::ListModelsResponse ModelHost::List() const {
  std::map<std::string, v1::Model> models;
  for (const ModelEntry& entry : configured_) {
    v1::Model& model = models[entry.id];
    model.set_kind(inference_service::NameOf(entry.kind));
    model.set_file(std::filesystem::path(entry.path).filename().string());
    model.set_state("unloaded");
  }
  for (const ServedModels::Model& served : served_->all()) {
    models[served->entry.id] = DescribeServed(*served);
    AddActivity(*served, models[served->entry.id]);
  }
  const model_store::StoreListing stored = store_.List();
  for (const auto& of : stored.models) {
    v1::Model& model = models[of.manifest.id];
    AddManifest(of.manifest, model);
    if (model.state().empty()) model.set_state("imported");
  }
  for (const auto& of : stored.broken) {
    models[of.id].set_state("failed");
    models[of.id].set_reason(StatusMessage(of.reason));
  }
  for (const std::string& id : stored.interrupted) models[id].set_state("interrupted");

  absl::MutexLock lock(&mu_);
  for (const auto& [id, record] : records_) {
    v1::Model& model = models[id];
    model.set_state(std::string(NameOf(record.state)));
    model.set_draft(record.draft);
    model.set_reason(StatusMessage(record.failure));
    if (record.total > 0) {
      model.set_progress_percent(static_cast<int32_t>(100 * record.done->load() / record.total));
    }
  }
  v1::ListModelsResponse response;
  for (auto& [id, model] : models) {
    model.set_id(id);
    model.set_memory_bytes(budget_.ReservedBy(id));
    *response.add_models() = std::move(model);
  }
  return response;
}

StatusOr<model_store::ImportResult> ModelHost::Import(const v1::ImportModelRequest& request,
                                                      const std::string& imported_by,
                                                      const std::function<bool()>& cancelled) {
  RETURN_IF_ERROR(CheckStarted());
  const std::string id = request.id().empty() ? ModelIdFromPath(request.source()) : request.id();
  RETURN_IF_ERROR(model_store::CheckModelId(id));
  if (Configured(id) != nullptr) {
    return AlreadyExists("the configuration names a model {} already; give another id", id);
  }
  Record record{.state = State::kImporting};
  const auto done = record.done;
  RETURN_IF_ERROR(Begin(id, std::move(record)));
  model_store::ImportRequest wanted;
  wanted.import_folder = ImportFolderOf(config_);
  wanted.source = request.source();
  wanted.models_folder = config_.models_folder;
  wanted.id = id;
  wanted.imported_by = imported_by;
  wanted.now_unix_ms = absl::ToUnixMillis(absl::Now());
  const absl::Time begin = absl::Now();
  auto result = model_store::ImportModel(wanted, [&](int64_t bytes, int64_t total) {
    if (done->fetch_add(bytes) == 0) {
      absl::MutexLock lock(&mu_);
      records_.at(id).total = total;
    }
    return !stopping_ && !cancelled();
  });
  End(id);
  GiveBackHeap();
  if (!result.ok()) {
    LogWarning("import of {} as {}: {}", request.source(), id, StatusMessage(result.status()));
    return result;
  }
  LogInfo("imported {} as {} for {}: {} MiB copied, {} MiB were there, {:.1f} s", request.source(),
          id, imported_by, result->copied_bytes >> 20, result->resumed_bytes >> 20,
          absl::ToDoubleSeconds(absl::Now() - begin));
  return result;
}

StatusOr<std::vector<model_store::CheckedFile>> ModelHost::Verify(
    const std::string& id, const std::function<bool()>& cancelled) const {
  ASSIGN_OR_RETURN(const ModelSource model, Find(id));
  if (!model.stored) {
    return FailedPrecondition("{} was not imported: there is no manifest to compare it with", id);
  }
  return model_store::CheckFiles(model.stored->folder, model.stored->manifest,
                                 [&](int64_t) { return !stopping_ && !cancelled(); });
}

Status ModelHost::Load(const std::string& id, const std::string& draft) {
  RETURN_IF_ERROR(CheckStarted());
  RETURN_IF_ERROR(RefuseWithRanks());
  RETURN_IF_ERROR(Find(id).status());  // an id that is unknown leaves no failed model behind
  RETURN_IF_ERROR(Begin(id, {.state = State::kLoading, .draft = draft}));
  return LoadAndServe(id, draft, /*keep=*/true);
}

Status ModelHost::Unload(const std::string& id, absl::Duration grace) {
  RETURN_IF_ERROR(CheckStarted());
  RETURN_IF_ERROR(RefuseWithRanks());
  const ModelEntry* entry = Configured(id);
  if (entry != nullptr && entry->kind == ModelKind::kEmbedding) {
    return FailedPrecondition(
        "{} embeds the knowledge bases; name another embedding_model in the configuration instead",
        id);
  }
  std::shared_ptr<absl::Notification> given_back;
  {
    absl::MutexLock lock(&mu_);
    const auto found = records_.find(id);
    if (found != records_.end() && found->second.state == State::kFailed) {
      RETURN_IF_ERROR(wanted_.Unload(id));  // not tried again at the next start
      records_.erase(found);
      return OkStatus();
    }
    if (found == records_.end() || found->second.state != State::kServing) {
      return FailedPrecondition(
          "{} is not served{}; 'hadal model ls' shows what is", id,
          found == records_.end() ? "" : fmt::format(": it is {}", NameOf(found->second.state)));
    }
    RETURN_IF_ERROR(wanted_.Unload(id));
    found->second.state = State::kDraining;
    given_back = found->second.given_back;
  }
  const absl::Time begin = absl::Now();
  Drain(served_->Remove(id), *given_back, grace);
  budget_.Release(id);
  End(id);
  LogInfo("unloaded {} in {:.2f} s", id, absl::ToDoubleSeconds(absl::Now() - begin));
  return OkStatus();
}

void ModelHost::Drain(ServedModels::Model model, const absl::Notification& given_back,
                      absl::Duration grace) {
  // The requests that run hold it too; the last holder gives its memory back.
  const std::weak_ptr<const ServedModel> running = model;
  model.reset();
  given_back.WaitForNotificationWithTimeout(grace);
  if (const auto still = running.lock()) {
    LogWarning("answers of {} still run after {}; they are ended", still->entry.id,
               absl::FormatDuration(grace));
    still->retired = true;
  }
  given_back.WaitForNotification();
  GiveBackHeap();
}

StatusOr<int64_t> ModelHost::Remove(const std::string& id) {
  RETURN_IF_ERROR(CheckStarted());
  if (Configured(id) != nullptr) {
    return FailedPrecondition("the configuration names the model {}; take it out there first", id);
  }
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [other, record] : records_) {
      if (record.draft != id || record.state == State::kFailed) continue;
      return FailedPrecondition("{} drafts for {}; unload that first", id, other);
    }
  }
  RETURN_IF_ERROR(Begin(id, {.state = State::kRemoving}));
  StatusOr<int64_t> freed = store_.Remove(id);
  End(id);
  RETURN_IF_ERROR(freed.status());
  LogInfo("removed {}: {} MiB", id, *freed >> 20);
  absl::MutexLock lock(&mu_);
  if (wanted_.loaded().contains(id)) RETURN_IF_ERROR(wanted_.Unload(id));
  return freed;
}

const ModelEntry* ModelHost::Configured(const std::string& id) const {
  const auto found = std::find_if(configured_.begin(), configured_.end(),
                                  [&id](const ModelEntry& entry) { return entry.id == id; });
  return found == configured_.end() ? nullptr : &*found;
}

StatusOr<ModelSource> ModelHost::Find(const std::string& id) const {
  if (const ModelEntry* entry = Configured(id)) return SourceOf(*entry);
  ASSIGN_OR_RETURN(model_store::StoredModel stored, store_.Find(id));
  ModelEntry entry{id, stored.path,
                   stored.manifest.embedding ? ModelKind::kEmbedding : ModelKind::kChat};
  return ModelSource{std::move(entry), std::move(stored)};
}

Status ModelHost::Begin(const std::string& id, Record record) {
  absl::MutexLock lock(&mu_);
  for (const auto& [other, running] : records_) {
    if (record.state == State::kImporting && running.state == State::kImporting) {
      return FailedPrecondition("{} is being imported; one import runs at a time", other);
    }
  }
  const auto found = records_.find(id);
  if (found != records_.end() && found->second.state != State::kFailed) {
    return FailedPrecondition("the model {} is {}", id, NameOf(found->second.state));
  }
  records_.insert_or_assign(id, std::move(record));
  return OkStatus();
}

void ModelHost::End(const std::string& id) {
  absl::MutexLock lock(&mu_);
  records_.erase(id);
}

Status ModelHost::LoadAndServe(const std::string& id, const std::string& draft, bool keep) {
  StatusOr<Loaded> loaded = LoadWithinBudget(id, draft);
  GiveBackHeap();
  absl::MutexLock lock(&mu_);
  Record& record = records_.at(id);
  if (!loaded.ok()) {
    record.state = State::kFailed;
    record.failure = loaded.status();
    return loaded.status();
  }
  record.state = State::kServing;
  record.total = 0;
  record.given_back = loaded->given_back;
  served_->Add(std::move(loaded->model));
  if (!keep) return OkStatus();
  return Annotate(wanted_.Load(id, draft),
                  fmt::format("{} is served, but will not be after a restart", id));
}

StatusOr<ModelHost::Loaded> ModelHost::LoadWithinBudget(const std::string& id,
                                                        const std::string& draft) {
  ASSIGN_OR_RETURN(const ModelSource model, Find(id));
  std::optional<ModelSource> drafting;
  LoadContext context{.options = EngineOptionsOf(config_), .pool = pool_, .ranks = ranks_.get()};
  if (!draft.empty()) {
    ASSIGN_OR_RETURN(drafting, Find(draft));
    RETURN_IF_ERROR(CheckDraft(model, *drafting));
    context.options.draft = drafting->entry.path;
  }
  RETURN_IF_ERROR(Reserve(model, drafting));
  std::shared_ptr<std::atomic<int64_t>> done;
  {
    absl::MutexLock lock(&mu_);
    Record& record = records_.at(id);
    record.total = BytesToCheck(model) + (drafting ? BytesToCheck(*drafting) : 0);
    done = record.done;
  }
  auto loaded = LoadModel(model, drafting, context, [this, &done](int64_t bytes) {
    *done += bytes;
    return !stopping_;
  });
  if (!loaded.ok()) {
    budget_.Release(id);
    return loaded.status();
  }
  if (started_ && !model.stored) {
    // Its file may be another one than at the start.
    ModelDigests digests({model.entry.path}, config_.data_folder + "/run/model_digests.again.json");
    auto digest = digests.Wait(model.entry.path, absl::InfiniteFuture());
    if (!digest.ok()) {
      budget_.Release(id);
      return digest.status();
    }
    (*loaded)->sha256 = *std::move(digest);
  }
  // Its last holder, wherever that is, tells when it is gone.
  auto given_back = std::make_shared<absl::Notification>();
  ServedModels::Model served(loaded->release(), [given_back](const ServedModel* gone) {
    delete gone;
    given_back->Notify();
  });
  return Loaded{std::move(served), std::move(given_back)};
}

Status ModelHost::Reserve(const ModelSource& model, const std::optional<ModelSource>& draft) {
  inference::EngineOptions options = EngineOptionsOf(config_);
  if (draft) options.draft = draft->entry.path;
  const int32_t ranks = ranks_ == nullptr ? 1 : ranks_->size();
  const bool shared = model.entry.kind == ModelKind::kChat;
  ASSIGN_OR_RETURN(inference::ModelPlan plan,
                   inference::PlanModel(model.entry.path, options, shared ? ranks : 1,
                                        static_cast<int32_t>(config_.expert_parallel)));
  LogInfo("memory plan of {}: {}", model.entry.id, Describe(plan));
  if (draft) {
    ASSIGN_OR_RETURN(const inference::ModelPlan more,
                     inference::PlanModel(draft->entry.path, options));
    LogInfo("memory plan of its draft {}, which has a part of the KV cache: {}", draft->entry.id,
            Describe(more));
    plan.weight_bytes += more.weight_bytes;
    plan.buffer_bytes += more.buffer_bytes;
  }
  return budget_.Reserve(model.entry.id, plan);
}

Status ModelHost::CheckStarted() const {
  if (started_) return OkStatus();
  return Unavailable("the configured models are still loading; try again soon");
}

Status ModelHost::RefuseWithRanks() const {
  if (ranks_ == nullptr) return OkStatus();
  return Unimplemented(
      "with ranks, models are loaded at start: name them in the configuration of all {} ranks and "
      "start them again",
      ranks_->size());
}

std::string_view ModelHost::NameOf(State state) {
  switch (state) {
    case State::kImporting:
      return "importing";
    case State::kLoading:
      return "loading";
    case State::kServing:
      return "serving";
    case State::kDraining:
      return "draining";
    case State::kFailed:
      return "failed";
    case State::kRemoving:
      return "removing";
  }
  return "";
}

}  // namespace hadal::inference_service
