#include "services/inference/wanted_models.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"

namespace hadal::inference_service {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

Status Damaged(const std::string& path) {
  return InvalidArgument(
      "{}: expected {{\"loaded\": {{ID: DRAFT}}, \"unloaded\": [ID]}}; delete the file, and load "
      "the models again",
      path);
}

}  // namespace

StatusOr<WantedModels> WantedModels::Read(const std::string& path) {
  WantedModels wanted(path);
  const StatusOr<std::string> text = ReadFile(path, kMaxBytes);
  if (absl::IsNotFound(text.status())) return wanted;
  RETURN_IF_ERROR(text.status());
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2) return Damaged(path);
  const auto loaded = json.find("loaded");
  const auto unloaded = json.find("unloaded");
  if (loaded == json.end() || !loaded->is_object() || unloaded == json.end() ||
      !unloaded->is_array()) {
    return Damaged(path);
  }
  for (const auto& [id, draft] : loaded->items()) {
    if (!draft.is_string()) return Damaged(path);
    wanted.loaded_[id] = draft.get<std::string>();
  }
  for (const auto& id : *unloaded) {
    if (!id.is_string()) return Damaged(path);
    wanted.unloaded_.insert(id.get<std::string>());
  }
  return wanted;
}

Status WantedModels::Load(const std::string& id, const std::string& draft) {
  WantedModels changed = *this;
  changed.loaded_[id] = draft;
  changed.unloaded_.erase(id);
  return Keep(std::move(changed));
}

Status WantedModels::Unload(const std::string& id) {
  WantedModels changed = *this;
  changed.loaded_.erase(id);
  changed.unloaded_.insert(id);
  return Keep(std::move(changed));
}

Status WantedModels::Keep(WantedModels changed) {
  const nlohmann::json json = {{"loaded", changed.loaded_}, {"unloaded", changed.unloaded_}};
  RETURN_IF_ERROR(MakeDirectories(std::filesystem::path(path_).parent_path().string(), 0700));
  RETURN_IF_ERROR(WriteFileAtomic(path_, json.dump(1) + "\n", 0600));
  *this = std::move(changed);
  return OkStatus();
}

}  // namespace hadal::inference_service
