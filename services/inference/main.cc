#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "services/inference/server.h"
#include "services/rpc/shutdown_signal.h"

namespace {

using hadal::StatusOr;
using hadal::inference::RankGroup;
using hadal::inference_service::InferenceConfig;

/// Null: this process serves alone.
StatusOr<std::shared_ptr<RankGroup>> JoinRanks(const InferenceConfig& config) {
  // PMIx, which mpirun of OpenMPI and srun speak, tells each process its rank.
  const bool started_as_rank = std::getenv("PMIX_RANK") != nullptr;
  if (!started_as_rank && config.ranks <= 1) return std::shared_ptr<RankGroup>();
  if (!started_as_rank) {
    return hadal::InvalidArgument(
        "ranks is {}: start them all with 'mpirun -np {} hadal-inference ...', or 'srun "
        "--mpi=pmix -n {} hadal-inference ...'",
        config.ranks, config.ranks, config.ranks);
  }
  hadal::inference::RankGroupOptions options;
  options.ranks = static_cast<int32_t>(config.ranks);
  options.expert_parallel = static_cast<int32_t>(config.expert_parallel);
  options.timeout = absl::Seconds(config.rank_timeout_s);
  options.redundant_experts = static_cast<int32_t>(config.redundant_experts);
  options.rebalance_tokens = config.rebalance_tokens;
  options.nodes = static_cast<int32_t>(config.rank_nodes);
  return RankGroup::Join(options);
}

int Fail(const hadal::Status& status) {
  hadal::LogError("{}", hadal::StatusMessage(status));
  return 1;
}

int Serve(const InferenceConfig& config) {
  hadal::rpc::ShutdownSignal shutdown;
  const auto ranks = JoinRanks(config);
  if (!ranks.ok()) return Fail(ranks.status());
  if (*ranks != nullptr && !(*ranks)->leads()) {
    const hadal::Status followed = hadal::inference_service::RunFollower(config, **ranks);
    return followed.ok() ? 0 : Fail(followed);
  }
  // A group that is over ends like one that was told to, but for the exit status: whoever started
  // the ranks starts them again.
  std::atomic<bool> ranks_failed = false;
  const auto server =
      hadal::inference_service::InferenceServer::Start(config, *ranks, [&ranks_failed] {
        ranks_failed = true;
        ::kill(::getpid(), SIGTERM);
      });
  if (!server.ok()) return Fail(server.status());
  const int signal = shutdown.Wait();
  if (ranks_failed) return 1;
  hadal::LogInfo("signal {}: shutting down", signal);
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
  auto* ranks = app.add_option("--ranks", flags.ranks,
                               "processes that share each chat model: mpirun -np N "
                               "hadal-inference --ranks N ..., or srun --mpi=pmix -n N ...");
  auto* redundant = app.add_option("--redundant-experts", flags.redundant_experts,
                                   "experts a rank holds beside its share of each layer");
  bool die_with_parent = false;
  app.add_flag("--die-with-parent", die_with_parent,
               "be killed when the process that started this one ends: no rank outlives a killed "
               "mpirun");
  app.add_option("--config", config_file, "TOML file; flags go before it");
  app.add_flag("--print-config", print_config, "print the configuration as TOML, and exit");
  CLI11_PARSE(app, argc, argv);
  if (die_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGKILL);

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
  if (ranks->count() > 0) config.ranks = flags.ranks;
  if (redundant->count() > 0) config.redundant_experts = flags.redundant_experts;
  if (print_config) {
    std::fputs(hadal::inference_service::FormatConfig(config).c_str(), stdout);
    return 0;
  }
  return Serve(config);
}
