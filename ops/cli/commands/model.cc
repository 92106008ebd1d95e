#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hadal/v1/models.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/model_state.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

Status RunLs(const Invocation& invocation) {
  ASSIGN_OR_RETURN(
      const v1::ListModelsResponse response,
      Call<v1::Models>(invocation, &v1::Models::Stub::ListModels, v1::ListModelsRequest()));
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::Model& model : response.models()) {
    json.push_back(ToJson(model));
    rows.push_back({model.id(), model.kind(), model.architecture(),
                    std::to_string(model.size_bytes() >> 20) + " MiB",
                    std::to_string(model.memory_bytes() >> 20) + " MiB",
                    model.sha256().substr(0, 12), StateOf(model)});
  }
  if (invocation.json) {
    PrintJson({{"models", json}});
  } else {
    PrintTable({"ID", "KIND", "ARCHITECTURE", "SIZE", "MEMORY", "SHA-256", "STATE"}, rows);
  }
  return OkStatus();
}

Status RunInspect(const Invocation& invocation, const std::string& id) {
  v1::GetModelRequest request;
  request.set_id(id);
  ASSIGN_OR_RETURN(const v1::Model model,
                   Call<v1::Models>(invocation, &v1::Models::Stub::GetModel, request));
  if (invocation.json) {
    PrintJson(ToJson(model));
    return OkStatus();
  }
  std::vector<std::vector<std::string>> rows;
  const auto shown = [](const nlohmann::json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [name, value] : ToJson(model).items()) {
    if (value.is_object()) {
      for (const auto& [detail, text] : value.items()) rows.push_back({detail, shown(text)});
    } else if (value.is_array()) {
      for (const auto& file : value) rows.push_back({file["name"], file["sha256"]});
    } else {
      rows.push_back({name, shown(value)});
    }
  }
  PrintTable({"PROPERTY", "VALUE"}, rows);
  return OkStatus();
}

}  // namespace

void AddModel(CLI::App& app, Invocation& invocation) {
  CLI::App* model = app.add_subcommand("model", "Models: import, load, unload");
  model->require_subcommand(1);
  CLI::App* ls = model->add_subcommand("ls", "List models and what they are doing");
  ls->footer("Example:\n  hadal model ls");
  ls->callback([&invocation] { invocation.run = [&invocation] { return RunLs(invocation); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* inspect = model->add_subcommand("inspect", "Everything known of one model");
  inspect->add_option("MODEL", *id)->required();
  inspect->footer("Example:\n  hadal model inspect qwen2.5-coder-0.5b-instruct -o json");
  inspect->callback([&invocation, id] {
    invocation.run = [&invocation, id] { return RunInspect(invocation, *id); };
  });
  AddModelImport(*model, invocation);
  AddModelServe(*model, invocation);
}

}  // namespace hadal::cli
