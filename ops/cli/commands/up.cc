#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "ops/cli/appliance.h"
#include "ops/cli/invocation.h"
#include "ops/cli/supervisor.h"
#include "services/config/service_table.h"
#include "services/rpc/run_file.h"
#include "services/rpc/shutdown_signal.h"

namespace hadal::cli {
namespace {

constexpr int kDefaultHttpsPort = 8443;
constexpr int kDefaultGrpcPort = 8444;
constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr int64_t kMaxRanks = 1024;  // of one machine
constexpr absl::Duration kStartLimit = absl::Minutes(3);
constexpr absl::Duration kStopGrace = absl::Seconds(15);

struct UpOptions {
  bool detach = false;
  std::string host = "127.0.0.1";
  int https_port = 0;  // 0: the default one, or any free one when it is taken
  int grpc_port = 0;
  int threads = 0;
  std::string config;
};

Status CheckModels(const Invocation& invocation) {
  for (const char* file :
       {"qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "multilingual-e5-small-q4_0.gguf"}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(invocation.models + "/" + file, error)) {
      return NotFound(
          "no model {} in {}: run 'ops/models.sh fetch', or name the folder with --models", file,
          invocation.models);
    }
  }
  return OkStatus();
}

// Certificates, the administrator's key and the audit key are made at the first start.
Status InitData(const Invocation& invocation) {
  ASSIGN_OR_RETURN(Subprocess init,
                   Subprocess::Start({.argv = {invocation.bin_folder + "/hadal-gateway", "init",
                                               "--data", invocation.data}}));
  const int ended = *init.Wait();
  if (ended != 0) {
    return FailedPrecondition(
        "cannot prepare {}: hadal-gateway init ended with {}; its message is above",
        invocation.data, DescribeWaitStatus(ended));
  }
  return OkStatus();
}

// A port the user named must be free; a default one may be replaced.
StatusOr<std::string> PublicAddress(const std::string& host, int asked, int fallback) {
  ASSIGN_OR_RETURN(const int port, FreePort(host, asked != 0 ? asked : fallback));
  if (asked != 0 && port != asked) {
    return Unavailable("{}:{} is in use: choose another port", host, asked);
  }
  return fmt::format("{}:{}", host, port);
}

// [inference] ranks of the configuration file; 0: the service is one process.
StatusOr<int64_t> RanksOf(const std::string& config) {
  if (config.empty()) return 0;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(config, kMaxConfigBytes));
  const StatusOr<toml::table> table = config::ServiceTable(text, "inference");
  if (!table.ok()) return Annotate(table.status(), config);
  const toml::node* ranks = table->get("ranks");
  if (ranks == nullptr) return 0;
  const std::optional<int64_t> count = ranks->value_exact<int64_t>();
  if (!count || *count < 0 || *count > kMaxRanks) {
    return InvalidArgument("{}: [inference] ranks must be a whole number up to {}", config,
                           kMaxRanks);
  }
  return *count;
}

// What starts `ranks` processes of the inference service on this machine and ends all when one
// ends. Threads are not tied to a core each, and there may be more ranks than cores.
std::vector<std::string> RankLauncher(int64_t ranks) {
  std::vector<std::string> argv = {"mpirun",    "-np",  std::to_string(ranks),
                                   "--bind-to", "none", "--oversubscribe"};
  if (::geteuid() == 0) argv.push_back("--allow-run-as-root");
  return argv;
}

StatusOr<std::vector<SupervisedService>> Services(const Invocation& invocation,
                                                  const UpOptions& options) {
  ASSIGN_OR_RETURN(const std::string inference, PublicAddress("127.0.0.1", 0, 0));
  ASSIGN_OR_RETURN(const std::string retrieval, PublicAddress("127.0.0.1", 0, 0));
  ASSIGN_OR_RETURN(const std::string https,
                   PublicAddress(options.host, options.https_port, kDefaultHttpsPort));
  ASSIGN_OR_RETURN(const std::string grpc,
                   PublicAddress(options.host, options.grpc_port, kDefaultGrpcPort));
  const auto program = [&](const std::string& name) {
    return std::vector<std::string>{invocation.bin_folder + "/hadal-" + name, "--data",
                                    invocation.data};
  };
  std::vector<SupervisedService> services(3);
  services[0].name = "inference";
  services[0].argv = program("inference");
  ASSIGN_OR_RETURN(const int64_t ranks, RanksOf(options.config));
  if (ranks > 1) {
    const std::vector<std::string> launcher = RankLauncher(ranks);
    services[0].argv.insert(services[0].argv.begin(), launcher.begin(), launcher.end());
    services[0].argv.push_back("--die-with-parent");
  }
  services[0].argv.insert(services[0].argv.end(),
                          {"--models", invocation.models, "--listen", inference});
  if (options.threads > 0) {
    services[0].argv.insert(services[0].argv.end(), {"--threads", std::to_string(options.threads)});
  }
  services[1].name = "retrieval";
  services[1].argv = program("retrieval");
  services[1].argv.insert(services[1].argv.end(),
                          {"--listen", retrieval, "--inference", inference});
  services[2].name = "gateway";
  services[2].argv = program("gateway");
  services[2].argv.insert(services[2].argv.end(), {"--https", https, "--grpc", grpc, "--retrieval",
                                                   retrieval, "--inference", inference});
  for (SupervisedService& service : services) {
    if (!options.config.empty()) {
      service.argv.insert(service.argv.end(), {"--config", options.config});
    }
  }
  return services;
}

void PrintEndpoints(const Invocation& invocation) {
  const StatusOr<rpc::RunFile> run = rpc::ReadRunFile(invocation.data, "gateway");
  if (!run.ok()) return;
  for (const auto& [name, endpoint] : run->endpoints) {
    std::printf("%-6s %s\n", name.c_str(), endpoint.c_str());
  }
  std::fflush(stdout);
}

// A stale run file would send the readiness check to the previous run's port.
void ForgetLastRun(const Invocation& invocation) {
  for (const char* service : {"gateway", "retrieval", "inference"}) {
    std::error_code ignored;
    std::filesystem::remove(fmt::format("{}/run/{}.json", invocation.data, service), ignored);
  }
}

Status RunInForeground(const Invocation& invocation, const UpOptions& options) {
  rpc::ShutdownSignal block_signals;
  ASSIGN_OR_RETURN(UniqueFd lock, LockAppliance(invocation.data));
  RETURN_IF_ERROR(CheckModels(invocation));
  RETURN_IF_ERROR(InitData(invocation));
  ForgetLastRun(invocation);
  ASSIGN_OR_RETURN(std::vector<SupervisedService> services, Services(invocation, options));
  Supervisor supervisor(invocation.data, std::move(services));
  RETURN_IF_ERROR(supervisor.StartAll());
  const Status ready = AwaitReady(
      invocation, absl::Now() + kStartLimit,
      [](void* context) { return static_cast<Supervisor*>(context)->AllAlive(); }, &supervisor);
  if (!ready.ok()) {
    supervisor.StopAll(kStopGrace);
    for (const char* name : {"inference", "retrieval", "gateway"}) {
      std::fprintf(stderr, "--- %s/log/%s.log\n%s", invocation.data.c_str(), name,
                   LogTail(invocation.data, name).c_str());
    }
    return ready;
  }
  std::printf("ready  %s\n", invocation.data.c_str());
  PrintEndpoints(invocation);
  supervisor.RunUntilSignal();
  supervisor.StopAll(kStopGrace);
  ForgetLastRun(invocation);
  return OkStatus();
}

struct DetachedChild {
  Subprocess process;
};

Status RunDetached(const Invocation& invocation, const UpOptions& options) {
  if (RunningSupervisor(invocation.data).has_value()) {
    return FailedPrecondition(
        "an appliance is already running in {}; 'hadal down --data {}' stops it", invocation.data,
        invocation.data);
  }
  RETURN_IF_ERROR(CheckModels(invocation));
  RETURN_IF_ERROR(MakeDirectories(invocation.data + "/log"));
  ForgetLastRun(invocation);
  const std::string log = invocation.data + "/log/up.log";
  UniqueFd log_fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!log_fd.valid()) return ErrnoStatus("cannot open", log);
  SubprocessOptions child;
  child.argv = {invocation.bin_folder + "/hadal",
                "up",
                "--data",
                invocation.data,
                "--models",
                invocation.models,
                "--host",
                options.host,
                "--https-port",
                std::to_string(options.https_port),
                "--grpc-port",
                std::to_string(options.grpc_port),
                "--threads",
                std::to_string(options.threads)};
  if (!options.config.empty()) child.argv.insert(child.argv.end(), {"--config", options.config});
  child.stdout_fd = log_fd.get();
  child.stderr_fd = log_fd.get();
  child.new_session = true;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(child));
  DetachedChild context{std::move(process)};
  const Status ready = AwaitReady(
      invocation, absl::Now() + kStartLimit,
      [](void* opaque) {
        auto* child_process = static_cast<DetachedChild*>(opaque);
        return !child_process->process.Wait(absl::InfinitePast()).has_value();
      },
      &context);
  if (!ready.ok()) {
    return Annotate(ready, fmt::format("{}\nsee {}", LogTail(invocation.data, "up"), log));
  }
  context.process.Detach();
  std::printf("ready  %s\n", invocation.data.c_str());
  PrintEndpoints(invocation);
  return OkStatus();
}

}  // namespace

void AddUp(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* up = app.add_subcommand("up", "Start the appliance: inference, retrieval and gateway");
  up->add_flag("--detach", options->detach, "Return when ready; 'hadal down' stops it");
  up->add_option("--models", invocation.models, "Folder of the model files")->capture_default_str();
  up->add_option("--host", options->host, "Address of the public ports")->capture_default_str();
  up->add_option("--https-port", options->https_port,
                 "OpenAI-compatible API (default 8443, or a free one)");
  up->add_option("--grpc-port", options->grpc_port, "gRPC API (default 8444, or a free one)");
  up->add_option("--threads", options->threads, "Threads of the engine (default: all cores)");
  up->add_option("--config", options->config, "Configuration file of the services (TOML)");
  up->footer("Examples:\n  hadal up --data /srv/hadal --detach\n  hadal up --host 0.0.0.0");
  up->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      if (!options->config.empty()) {
        options->config = std::filesystem::absolute(options->config).string();
      }
      invocation.models = std::filesystem::absolute(invocation.models).string();
      return options->detach ? RunDetached(invocation, *options)
                             : RunInForeground(invocation, *options);
    };
  });
}

}  // namespace hadal::cli
