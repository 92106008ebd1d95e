#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "services/inference/server.h"
#include "services/rpc/shutdown_signal.h"

namespace {

int Serve(const hadal::inference_service::InferenceConfig& config) {
  hadal::rpc::ShutdownSignal shutdown;
  const auto server = hadal::inference_service::InferenceServer::Start(config);
  if (!server.ok()) {
    hadal::LogError("{}", hadal::StatusMessage(server.status()));
    return 1;
  }
  hadal::LogInfo("signal {}: shutting down", shutdown.Wait());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  hadal::InitLog("hadal-inference", hadal::LogLevel::kInfo);
  hadal::inference_service::InferenceConfig flags;
  std::string config_file;
  bool print_config = false;
  CLI::App app("hadal-inference: serves the chat and embedding models to the other services");
  auto* data = app.add_option("--data", flags.data_folder, "data folder of the appliance");
  auto* models = app.add_option("--models", flags.models_folder, "folder of the model files");
  auto* listen = app.add_option("--listen", flags.listen, "HOST:PORT; port 0: any free one");
  auto* threads = app.add_option("--threads", flags.threads, "compute threads; 0: all");
  app.add_option("--config", config_file, "TOML file; flags go before it");
  app.add_flag("--print-config", print_config, "print the configuration as TOML, and exit");
  CLI11_PARSE(app, argc, argv);

  hadal::inference_service::InferenceConfig config;
  if (!config_file.empty()) {
    const hadal::Status read = hadal::inference_service::ReadConfigFile(config_file, config);
    if (!read.ok()) {
      hadal::LogError("{}", hadal::StatusMessage(read));
      return 1;
    }
  }
  if (data->count() > 0) config.data_folder = flags.data_folder;
  if (models->count() > 0) config.models_folder = flags.models_folder;
  if (listen->count() > 0) config.listen = flags.listen;
  if (threads->count() > 0) config.threads = flags.threads;
  if (print_config) {
    std::fputs(hadal::inference_service::FormatConfig(config).c_str(), stdout);
    return 0;
  }
  return Serve(config);
}
