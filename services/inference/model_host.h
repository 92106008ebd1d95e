#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "hadal/v1/models.pb.h"
#include "services/inference/config.h"
#include "services/inference/memory_budget.h"
#include "services/inference/model_loader.h"
#include "services/inference/served_models.h"
#include "services/inference/wanted_models.h"
#include "services/model_store/import.h"

namespace hadal::inference_service {

/// The models of one process: imports, loads, drains and removes them while the others serve. A
/// model goes imported → loading → serving → draining → imported; every step is one call, made by
/// the thread that asks, and calls for different models run side by side. What is loaded is within
/// the memory budget at every moment, by plan. Thread-safe.
class ModelHost {
 public:
  /// `config` holds. What is loaded goes to `served`.
  static StatusOr<std::unique_ptr<ModelHost>> Create(
      const InferenceConfig& config, std::shared_ptr<ServedModels> served,
      std::shared_ptr<inference::RankGroup> ranks = nullptr);
  /// Ends imports and checks; waits for what is being loaded.
  ~ModelHost();

  /// Loads the configured models, but for those an administrator unloaded; the first error. Then
  /// starts to load, in the background, those administrators loaded before: one that fails is
  /// "failed".
  Status LoadAtStart();

  // The calls below but List() are UNAVAILABLE until the configured models are served.

  /// Every model there is, loaded or not, with its state.
  v1::ListModelsResponse List() const ABSL_LOCKS_EXCLUDED(mu_);

  /// Copies a model into the models folder (model_store::ImportModel). `cancelled` is asked often.
  /// FAILED_PRECONDITION while another import runs.
  StatusOr<model_store::ImportResult> Import(const v1::ImportModelRequest& request,
                                             const std::string& imported_by,
                                             const std::function<bool()>& cancelled)
      ABSL_LOCKS_EXCLUDED(mu_);

  /// Reads every file of an imported model and compares it with the manifest.
  StatusOr<std::vector<model_store::CheckedFile>> Verify(
      const std::string& id, const std::function<bool()>& cancelled) const;

  /// Serves an imported or configured model, now and after a restart. NOT_FOUND;
  /// FAILED_PRECONDITION when it is not at rest or the draft does not fit; RESOURCE_EXHAUSTED with
  /// the memory plan; DATA_LOSS for changed files; UNIMPLEMENTED with ranks.
  Status Load(const std::string& id, const std::string& draft) ABSL_LOCKS_EXCLUDED(mu_);

  /// New requests do not find it any more; running ones may end for `grace` and are ended with
  /// NOT_FOUND then. Returns when its memory is given back. One that failed is forgotten: no start
  /// tries it again. FAILED_PRECONDITION for a model that is neither, or that embeds the knowledge
  /// bases.
  Status Unload(const std::string& id, absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_);

  /// Deletes an imported model that is not in use, or what a killed import left. Bytes that came
  /// free. FAILED_PRECONDITION when it is in use or configured.
  StatusOr<int64_t> Remove(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class State { kImporting, kLoading, kServing, kDraining, kFailed, kRemoving };
  /// A model that is not at rest.
  struct Record {
    State state = State::kLoading;
    std::string draft;
    Status failure;
    std::shared_ptr<std::atomic<int64_t>> done = std::make_shared<std::atomic<int64_t>>(0);
    int64_t total = 0;                               ///< bytes to read; 0: not known
    std::shared_ptr<absl::Notification> given_back;  ///< of a served one: its memory is
  };
  struct Loaded {
    ServedModels::Model model;
    std::shared_ptr<absl::Notification> given_back;
  };

  ModelHost(const InferenceConfig& config, std::vector<ModelEntry> configured, WantedModels wanted,
            std::shared_ptr<ServedModels> served, std::shared_ptr<inference::RankGroup> ranks);

  const ModelEntry* Configured(const std::string& id) const;
  StatusOr<ModelSource> Find(const std::string& id) const;
  /// Makes it `record`; FAILED_PRECONDITION saying what it is doing when it is not at rest (failed
  /// is).
  Status Begin(const std::string& id, Record record) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  /// Ends with the model served, and wanted after a restart too where `keep`, or "failed".
  Status LoadAndServe(const std::string& id, const std::string& draft, bool keep = false)
      ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<Loaded> LoadWithinBudget(const std::string& id, const std::string& draft)
      ABSL_LOCKS_EXCLUDED(mu_);
  Status Reserve(const ModelSource& model, const std::optional<ModelSource>& draft);
  void Drain(ServedModels::Model model, const absl::Notification& given_back, absl::Duration grace);
  Status CheckStarted() const;
  Status RefuseWithRanks() const;
  static std::string_view NameOf(State state);

  const InferenceConfig config_;
  const std::vector<ModelEntry> configured_;
  const std::shared_ptr<ServedModels> served_;
  const std::shared_ptr<inference::RankGroup> ranks_;
  const std::shared_ptr<inference::ThreadPool> pool_;
  const model_store::ModelStore store_;
  MemoryBudget budget_;
  std::atomic<bool> started_ = false;  ///< the configured models are served
  std::atomic<bool> stopping_ = false;

  mutable absl::Mutex mu_;
  std::map<std::string, Record> records_ ABSL_GUARDED_BY(mu_);
  WantedModels wanted_ ABSL_GUARDED_BY(mu_);
  std::thread at_start_;  ///< loads what administrators loaded before
};

}  // namespace hadal::inference_service
