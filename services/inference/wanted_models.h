#pragma once

#include <map>
#include <set>
#include <string>

#include "base/status.h"

namespace hadal::inference_service {

/// Which models administrators want served, where that differs from the configuration; kept in a
/// file so that it survives a restart. Thread-compatible.
class WantedModels {
 public:
  /// A missing file wants nothing. INVALID_ARGUMENT naming a damaged one.
  static StatusOr<WantedModels> Read(const std::string& path);

  /// By id, with the id of its draft model or "".
  const std::map<std::string, std::string>& loaded() const { return loaded_; }
  bool IsUnloaded(const std::string& id) const { return unloaded_.contains(id); }

  /// The file is replaced before they return; on an error it, and this, is as before.
  Status Load(const std::string& id, const std::string& draft);
  Status Unload(const std::string& id);

 private:
  explicit WantedModels(std::string path) : path_(std::move(path)) {}
  Status Keep(WantedModels changed);

  std::string path_;
  std::map<std::string, std::string> loaded_;
  std::set<std::string> unloaded_;
};

}  // namespace hadal::inference_service
