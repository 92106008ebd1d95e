#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/cli/appliance.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"
#include "services/rpc/run_file.h"

namespace hadal::cli {
namespace {

// What the appliance looks like when its gateway does not answer.
Status PrintUnreachable(const Invocation& invocation, const Status& error) {
  if (invocation.json) {
    PrintJson({{"ready", false},
               {"endpoints", nlohmann::json::object()},
               {"services", nlohmann::json::array()},
               {"models", nlohmann::json::array()},
               {"error", StatusMessage(error)}});
  }
  return error;
}

Status RunStatus(const Invocation& invocation) {
  const StatusOr<v1::GetStatusResponse> status = QueryStatus(invocation, absl::Seconds(10));
  if (!status.ok()) return PrintUnreachable(invocation, status.status());
  nlohmann::json endpoints = nlohmann::json::object();
  if (!invocation.endpoint.empty()) {
    endpoints["grpc"] = invocation.endpoint;
  } else if (const auto run = rpc::ReadRunFile(invocation.data, "gateway"); run.ok()) {
    for (const auto& [name, endpoint] : run->endpoints) {
      const bool bare_https = name == "https" && endpoint.rfind("https://", 0) != 0;
      endpoints[name] = bare_https ? "https://" + endpoint : endpoint;
    }
  }
  if (invocation.json) {
    nlohmann::json services = nlohmann::json::array();
    for (const v1::ServiceStatus& service : status->services()) {
      services.push_back({{"name", service.name()},
                          {"ready", service.ready()},
                          {"detail", service.detail()},
                          {"endpoint", service.endpoint()}});
    }
    PrintJson(
        {{"ready", status->ready()},
         {"version", status->version()},
         {"endpoints", endpoints},
         {"services", services},
         {"models", std::vector<std::string>(status->models().begin(), status->models().end())}});
  } else {
    std::printf("%s  hadal %s\n", status->ready() ? "ready" : "NOT READY",
                status->version().c_str());
    for (const auto& [name, endpoint] : endpoints.items()) {
      std::printf("%s  %s\n", name.c_str(), endpoint.get<std::string>().c_str());
    }
    std::vector<std::vector<std::string>> rows;
    for (const v1::ServiceStatus& service : status->services()) {
      rows.push_back({service.name(), service.ready() ? "ready" : "not ready", service.endpoint(),
                      service.detail()});
    }
    PrintTable({"SERVICE", "STATE", "ENDPOINT", "DETAIL"}, rows);
    for (const std::string& model : status->models()) std::printf("model  %s\n", model.c_str());
  }
  return status->ready() ? OkStatus() : Unavailable("not every service is ready");
}

}  // namespace

void AddStatus(CLI::App& app, Invocation& invocation) {
  CLI::App* status = app.add_subcommand("status", "Readiness, endpoints and models");
  status->footer("Example:\n  hadal status --data /srv/hadal -o json");
  status->callback(
      [&invocation] { invocation.run = [&invocation] { return RunStatus(invocation); }; });
}

}  // namespace hadal::cli
