#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>

#include "base/status.h"
#include "inference/comm/communicator.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference::tool {

/// Options of a command that may run on many ranks. 0: not given.
struct RankOptions {
  bool by_mpi = false;  ///< mpirun or srun started this process as one of several
  int32_t ranks = 0;
  int32_t tensor_parallel = 0;
  int32_t expert_parallel = 0;
  double timeout_s = 60;
};

void AddRankOptions(CLI::App* command, RankOptions* options);

/// `ranks`: those there are when mpirun started them, else --ranks (0: the wider of the two kinds
/// of parallelism). Tensor parallelism that is not given is over all ranks, or 1 beside expert
/// parallelism.
ParallelLayout LayoutOf(const RankOptions& options, int32_t ranks);

/// What one rank does; `ranks` is null when there is one.
using RankBody = std::function<Status(Communicator* ranks, const ParallelLayout& layout)>;

/// Runs `body` as the rank this process is (mpirun), or on --ranks threads. The error of a rank
/// that failed by itself, rather than of those who waited for it.
Status RunRanks(const RankOptions& options, const RankBody& body);

/// Threads of one rank's pool: `wanted`, or with 0 its share of the cores.
int32_t ThreadsOfRank(int32_t wanted, const ParallelLayout& layout);

}  // namespace hadal::inference::tool
