#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "auth/bootstrap.h"
#include "base/file.h"
#include "base/log.h"
#include "services/gateway/config.h"
#include "services/gateway/server.h"
#include "services/rpc/shutdown_signal.h"

namespace {

using hadal::gateway::GatewayConfig;

constexpr size_t kMaxConfigBytes = 1 << 20;

int Fail(const hadal::Status& status) {
  std::fprintf(stderr, "hadal-gateway: %s\n", hadal::StatusMessage(status).c_str());
  return 1;
}

int Init(const std::string& data_folder, const hadal::auth::InitOptions& options) {
  const hadal::Status status =
      hadal::auth::InitAppliance(data_folder, options, std::make_shared<hadal::SystemClock>());
  return status.ok() ? 0 : Fail(status);
}

hadal::Status LoadConfig(const std::string& path, GatewayConfig& config) {
  if (path.empty()) return hadal::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, hadal::ReadFile(path, kMaxConfigBytes));
  return hadal::Annotate(hadal::gateway::ApplyToml(text, config), path);
}

int Serve(const std::string& config_file, GatewayConfig config) {
  hadal::rpc::ShutdownSignal shutdown;
  hadal::InitLog("hadal-gateway", hadal::LogLevel::kInfo);
  if (const hadal::Status status = LoadConfig(config_file, config); !status.ok()) {
    return Fail(status);
  }
  auto stores = hadal::gateway::OpenStores(config);
  if (!stores.ok()) return Fail(stores.status());
  const auto server = hadal::gateway::GatewayServer::Start(config, *std::move(stores));
  if (!server.ok()) return Fail(server.status());
  hadal::LogInfo("signal {}: shutting down", shutdown.Wait());
  (*server)->Shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Public API of a Hadal appliance: gRPC and OpenAI-compatible HTTPS."};
  GatewayConfig config;
  std::string config_file;
  app.add_option("--data", config.data_folder, "Data folder of the appliance");
  app.add_option("--https", config.https.listen, "IP:PORT of HTTPS")->capture_default_str();
  app.add_option("--grpc", config.grpc_listen, "HOST:PORT of gRPC")->capture_default_str();
  app.add_option("--retrieval", config.retrieval_address, "HOST:PORT of hadal-retrieval");
  app.add_option("--inference", config.inference_address, "HOST:PORT of hadal-inference");
  app.add_option("--config", config_file, "TOML file with limits and quotas");
  CLI::App* init =
      app.add_subcommand("init", "Make keys, certificates and the first administrator");
  std::string init_folder;
  init->add_option("--data", init_folder, "Data folder to prepare")->required();
  hadal::auth::InitOptions init_options;
  init->add_option("--name", init_options.gateway_names,
                   "DNS name or IP address under which clients reach the gateway; repeatable");
  init->add_flag("--reset-admin-key", init_options.reset_admin_key,
                 "Make a new key for the user admin and revoke the old ones");
  CLI11_PARSE(app, argc, argv);

  if (init->parsed()) return Init(init_folder, init_options);
  if (config.data_folder.empty() || config.retrieval_address.empty() ||
      config.inference_address.empty()) {
    std::fprintf(stderr, "hadal-gateway: --data, --retrieval and --inference are required\n");
    return 2;
  }
  return Serve(config_file, std::move(config));
}
