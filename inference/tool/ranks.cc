#include "inference/tool/ranks.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "inference/comm/mpi_ranks.h"
#include "inference/comm/thread_ranks.h"
#include "inference/kernels/topology.h"

namespace hadal::inference::tool {
namespace {

Status RunMpiRank(const RankOptions& options, const RankBody& body) {
  ASSIGN_OR_RETURN(const auto ranks, MpiRanks::Start(absl::Seconds(options.timeout_s)));
  Communicator& world = ranks->world();
  if (options.ranks != 0 && options.ranks != world.size()) {
    return InvalidArgument("--ranks is {}, but mpirun started {}", options.ranks, world.size());
  }
  const ParallelLayout layout = LayoutOf(options, world.size());
  const Status status = body(world.size() == 1 ? nullptr : &world, layout);
  if (!status.ok()) return Annotate(status, fmt::format("on rank {}", world.rank()));
  return ranks->Finish();
}

Status RunThreadRanks(const RankOptions& options, const ParallelLayout& layout,
                      const RankBody& body) {
  auto ranks = CreateThreadRanks(layout.ranks, absl::Seconds(options.timeout_s));
  std::vector<Status> statuses(ranks.size());
  std::vector<std::thread> threads;
  for (size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      statuses[r] = body(ranks[r].get(), layout);
      ranks[r].reset();  // those who wait for this rank learn that it left
    });
  }
  for (std::thread& thread : threads) thread.join();
  Status worst;
  for (const Status& status : statuses) {
    if (!status.ok() && (worst.ok() || worst.code() == StatusCode::kUnavailable)) worst = status;
  }
  return worst;
}

}  // namespace

void AddRankOptions(CLI::App* command, RankOptions* options) {
  const auto count = CLI::Range(1, 4096);
  command
      ->add_option("--ranks", options->ranks,
                   "ranks that share the model: threads of this process, or as many as mpirun "
                   "started")
      ->check(count);
  command
      ->add_option("--tp,--tensor-parallel", options->tensor_parallel,
                   "ranks that share heads and MLPs; default: all, or 1 with --ep")
      ->check(count);
  command
      ->add_option("--ep,--expert-parallel", options->expert_parallel,
                   "ranks that hold one copy of all experts; 1 (default): experts are cut like "
                   "MLPs")
      ->check(count);
  command
      ->add_option("--rank-timeout", options->timeout_s,
                   "seconds after which a rank that does not come is given up")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
}

ParallelLayout LayoutOf(const RankOptions& options, int32_t ranks) {
  ParallelLayout layout;
  const int32_t widest = std::max({1, options.tensor_parallel, options.expert_parallel});
  layout.ranks = ranks > 0 ? ranks : widest;
  layout.expert_parallel = std::max(1, options.expert_parallel);
  layout.tensor_parallel = options.tensor_parallel > 0   ? options.tensor_parallel
                           : options.expert_parallel > 1 ? 1
                                                         : layout.ranks;
  return layout;
}

Status RunRanks(const RankOptions& options, const RankBody& body) {
  if (options.by_mpi) return RunMpiRank(options, body);
  const ParallelLayout layout = LayoutOf(options, options.ranks);
  return layout.ranks == 1 ? body(nullptr, layout) : RunThreadRanks(options, layout, body);
}

int32_t ThreadsOfRank(int32_t wanted, const ParallelLayout& layout) {
  if (wanted > 0 || layout.ranks == 1) return wanted;
  return std::max(1, Topology::OfThisThread().num_threads() / layout.ranks);
}

}  // namespace hadal::inference::tool
