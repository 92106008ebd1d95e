#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "services/model_store/manifest.h"

namespace hadal::model_store {

/// An imported model, as its manifest says.
struct StoredModel {
  Manifest manifest;
  std::string folder;
  std::string path;  ///< what the engine opens
};

/// What there is below a models folder besides loose files.
struct StoreListing {
  std::vector<StoredModel> models;  ///< by id
  struct Broken {
    std::string id;
    Status reason;
  };
  std::vector<Broken> broken;            ///< their manifests cannot be read
  std::vector<std::string> interrupted;  ///< ids of imports that were killed, or are running
};

/// The imported models of one folder. Imports add to it (import.h). Keeps no state of its own, the
/// folder is the truth. Thread-safe.
class ModelStore {
 public:
  explicit ModelStore(std::string models_folder) : models_folder_(std::move(models_folder)) {}

  const std::string& folder() const { return models_folder_; }
  StoreListing List() const;
  /// NOT_FOUND when `id` was not imported, else the errors of ReadManifest().
  StatusOr<StoredModel> Find(const std::string& id) const;
  /// Deletes the model, or what a killed import of it left; bytes that came free. First it gets out
  /// of sight, so that no half of a model is ever found. NOT_FOUND.
  StatusOr<int64_t> Remove(const std::string& id) const;
  /// Ends the deletions that a kill interrupted.
  void FinishRemovals() const;

 private:
  const std::string models_folder_;
};

}  // namespace hadal::model_store
