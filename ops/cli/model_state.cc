#include "ops/cli/model_state.h"

#include <nlohmann/json.hpp>

namespace hadal::cli {

namespace {

nlohmann::json ToJson(const v1::ModelActivity& activity) {
  return {{"running", activity.running()},
          {"waiting", activity.waiting()},
          {"free_blocks", activity.free_blocks()},
          {"total_blocks", activity.total_blocks()},
          {"prompt_tokens", activity.prompt_tokens()},
          {"cached_tokens", activity.cached_tokens()},
          {"generated_tokens", activity.generated_tokens()},
          {"preemptions", activity.preemptions()},
          {"drafted_tokens", activity.drafted_tokens()},
          {"accepted_tokens", activity.accepted_tokens()}};
}

}  // namespace

nlohmann::json ToJson(const v1::Model& model) {
  nlohmann::json details = nlohmann::json::object();
  for (const auto& [name, value] : model.details()) details[name] = value;
  nlohmann::json files = nlohmann::json::array();
  for (const v1::ModelFile& file : model.files()) {
    files.push_back(
        {{"name", file.name()}, {"size_bytes", file.size_bytes()}, {"sha256", file.sha256()}});
  }
  const nlohmann::json activity =
      model.has_activity() ? ToJson(model.activity()) : nlohmann::json::object();
  return {{"id", model.id()},
          {"kind", model.kind()},
          {"architecture", model.architecture()},
          {"file", model.file()},
          {"sha256", model.sha256()},
          {"size_bytes", model.size_bytes()},
          {"parameters", model.parameters()},
          {"context_length", model.context_length()},
          {"embedding_dim", model.embedding_dim()},
          {"vocabulary", model.vocabulary()},
          {"details", details},
          {"activity", activity},
          {"state", model.state()},
          {"progress_percent", model.progress_percent()},
          {"reason", model.reason()},
          {"memory_bytes", model.memory_bytes()},
          {"draft", model.draft()},
          {"files", files},
          {"tokenizer_sha256", model.tokenizer_sha256()},
          {"chat_template_sha256", model.chat_template_sha256()},
          {"imported_unix_ms", model.imported_unix_ms()},
          {"imported_by", model.imported_by()}};
}

std::string StateOf(const v1::Model& model) {
  std::string state = model.state();
  if (model.progress_percent() > 0) state += " " + std::to_string(model.progress_percent()) + " %";
  if (!model.reason().empty()) state += ": " + model.reason();
  return state;
}

}  // namespace hadal::cli
