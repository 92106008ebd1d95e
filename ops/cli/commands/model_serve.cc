#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/models.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/model_state.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

/// What the four commands are given.
struct ServeOptions {
  std::string id;
  std::string draft;
  int grace_seconds = 30;
};

void Print(const Invocation& invocation, const v1::Model& model) {
  if (invocation.json) {
    PrintJson(ToJson(model));
  } else {
    std::printf("%s  %s\n", Printable(model.id()).c_str(), Printable(StateOf(model)).c_str());
  }
}

Status RunLoad(const Invocation& invocation, const ServeOptions& options) {
  v1::LoadModelRequest request;
  request.set_id(options.id);
  request.set_draft(options.draft);
  ASSIGN_OR_RETURN(
      const v1::Model model,
      Call<v1::Models>(invocation, &v1::Models::Stub::LoadModel, request, kLongCall));
  Print(invocation, model);
  return OkStatus();
}

Status RunUnload(const Invocation& invocation, const ServeOptions& options) {
  v1::UnloadModelRequest request;
  request.set_id(options.id);
  request.set_grace_seconds(options.grace_seconds);
  ASSIGN_OR_RETURN(
      const v1::Model model,
      Call<v1::Models>(invocation, &v1::Models::Stub::UnloadModel, request, kLongCall));
  Print(invocation, model);
  return OkStatus();
}

Status RunRemove(const Invocation& invocation, const ServeOptions& options) {
  v1::RemoveModelRequest request;
  request.set_id(options.id);
  ASSIGN_OR_RETURN(
      const v1::RemoveModelResponse response,
      Call<v1::Models>(invocation, &v1::Models::Stub::RemoveModel, request, kLongCall));
  if (invocation.json) {
    PrintJson({{"id", options.id}, {"freed_bytes", response.freed_bytes()}});
  } else {
    std::printf("removed %s: %lld MiB are free again\n", Printable(options.id).c_str(),
                static_cast<long long>(response.freed_bytes() >> 20));
  }
  return OkStatus();
}

Status RunVerify(const Invocation& invocation, const ServeOptions& options) {
  v1::VerifyModelRequest request;
  request.set_id(options.id);
  ASSIGN_OR_RETURN(
      const v1::VerifyModelResponse response,
      Call<v1::Models>(invocation, &v1::Models::Stub::VerifyModel, request, kLongCall));
  nlohmann::json files = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::VerifiedFile& file : response.files()) {
    files.push_back(
        {{"name", file.name()}, {"size_bytes", file.size_bytes()}, {"problem", file.problem()}});
    rows.push_back({file.name(), std::to_string(file.size_bytes() >> 20) + " MiB",
                    file.problem().empty() ? "as imported" : file.problem()});
  }
  if (invocation.json) {
    PrintJson({{"id", options.id}, {"ok", response.ok()}, {"files", files}});
  } else {
    PrintTable({"FILE", "SIZE", "FOUND"}, rows);
  }
  if (response.ok()) return OkStatus();
  return DataLoss("{} is not what was imported; remove it and import it again", options.id);
}

}  // namespace

void AddModelServe(CLI::App& model, Invocation& invocation) {
  auto options = std::make_shared<ServeOptions>();
  const auto add = [&](const char* name, const char* meaning, const char* example,
                       Status (*run)(const Invocation&, const ServeOptions&)) {
    CLI::App* command = model.add_subcommand(name, meaning);
    command->add_option("MODEL", options->id, "Its id")->required();
    command->footer(std::string("Example:\n  hadal model ") + example);
    command->callback([&invocation, options, run] {
      invocation.run = [&invocation, options, run] { return run(invocation, *options); };
    });
    return command;
  };
  add("load", "Serve an imported model, now and after a restart", "load r1-7b", RunLoad)
      ->add_option("--draft", options->draft,
                   "A small model with the same tokenizer that guesses ahead of it");
  add("unload", "Stop serving a model and give its memory back", "unload r1-7b --grace 60",
      RunUnload)
      ->add_option("--grace", options->grace_seconds,
                   "Seconds that running answers may take to end by themselves")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  add("verify", "Compare every byte of a model with its manifest", "verify r1-7b", RunVerify);
  add("rm", "Delete an imported model that is not served", "rm r1-7b", RunRemove);
}

}  // namespace hadal::cli
