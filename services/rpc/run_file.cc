#include "services/rpc/run_file.h"

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace hadal::rpc {
namespace {

std::string PathOf(const std::string& data_folder, const std::string& service) {
  return data_folder + "/run/" + service + ".json";
}

}  // namespace

Status WriteRunFile(const std::string& data_folder, const std::string& service,
                    const RunFile& content) {
  RETURN_IF_ERROR(MakeDirectories(data_folder + "/run"));
  const nlohmann::json json = {{"pid", content.pid}, {"endpoints", content.endpoints}};
  return WriteFileAtomic(PathOf(data_folder, service), json.dump() + "\n");
}

StatusOr<RunFile> ReadRunFile(const std::string& data_folder, const std::string& service) {
  const std::string path = PathOf(data_folder, service);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 16));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_integer() ||
      !json.contains("endpoints") || !json["endpoints"].is_object()) {
    return DataLoss("{} is not a run file: expected {{\"pid\", \"endpoints\"}}", path);
  }
  RunFile content;
  content.pid = json["pid"].get<int64_t>();
  for (const auto& [name, value] : json["endpoints"].items()) {
    if (value.is_string()) content.endpoints[name] = value.get<std::string>();
  }
  return content;
}

}  // namespace hadal::rpc
