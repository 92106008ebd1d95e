#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "services/retrieval/server.h"
#include "services/rpc/shutdown_signal.h"

namespace {

using hadal::retrieval_service::RetrievalConfig;

constexpr size_t kMaxConfigBytes = 1 << 20;

int Fail(const hadal::Status& status) {
  hadal::LogError("{}", hadal::StatusMessage(status));
  return 1;
}

hadal::Status LoadConfig(const std::string& path, RetrievalConfig& config) {
  if (path.empty()) return hadal::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, hadal::ReadFile(path, kMaxConfigBytes));
  const hadal::Status applied = hadal::retrieval_service::ApplyToml(text, config);
  return applied.ok() ? applied : hadal::Annotate(applied, path);
}

int Serve(const RetrievalConfig& config) {
  hadal::rpc::ShutdownSignal shutdown;
  const auto server = hadal::retrieval_service::RetrievalServer::Start(config);
  if (!server.ok()) return Fail(server.status());
  const int signal_number = shutdown.Wait();
  if ((*server)->failed()) return 1;
  hadal::LogInfo("signal {}: shutting down", signal_number);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  hadal::InitLog("hadal-retrieval", hadal::LogLevel::kInfo);
  RetrievalConfig config;
  std::string config_file;
  std::string parser;
  bool print_config = false;
  CLI::App app("hadal-retrieval: keeps the knowledge bases and searches them");
  app.add_option("--data", config.data_folder, "data folder of the appliance");
  app.add_option("--listen", config.listen, "HOST:PORT; port 0: any free one");
  app.add_option("--inference", config.inference_address, "HOST:PORT of hadal-inference");
  app.add_option("--parser", parser, "path of hadal-parser; default: beside this program");
  app.add_option("--config", config_file, "TOML file; its [retrieval] table is read");
  app.add_flag("--print-config", print_config, "print the configuration as TOML, and exit");
  CLI11_PARSE(app, argc, argv);

  if (const hadal::Status loaded = LoadConfig(config_file, config); !loaded.ok()) {
    return Fail(loaded);
  }
  if (!parser.empty()) config.parser_program = parser;
  if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY")) {
    config.credentials_folder = credentials;
  }
  if (print_config) {
    std::fputs(hadal::retrieval_service::FormatConfig(config).c_str(), stdout);
    return 0;
  }
  return Serve(config);
}
