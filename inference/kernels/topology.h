#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace hadal::inference {

/// Memory and the cores next to it. Either may be missing: a node of memory alone, or a socket
/// whose slots are empty.
struct NumaNode {
  int32_t id = 0;
  std::vector<int32_t> cpus;  ///< of those this process may use, ascending
  int64_t memory_bytes = 0;
  std::vector<int32_t> distances;  ///< to each node of the machine by its id; 10 is its own memory
};

/// The cores this process may use and the memory next to them.
struct Topology {
  std::vector<NumaNode> nodes;  ///< by id
  /// How many cores' time the control group grants, rounded up; 0: no limit.
  int32_t cpu_quota = 0;

  /// As the kernel describes the machine below `root` (/sys/devices/system/node, and cpu.max of the
  /// cgroup-v2 groups this process is in), of `cpus`. One node with all of them where it says
  /// nothing.
  static Topology Read(absl::Span<const int32_t> cpus, const std::string& root = "");
  /// Of the cores the calling thread may run on (taskset, cpusets).
  static Topology OfThisThread();

  int32_t num_cpus() const;
  /// Threads that can run at once: what "all cores" means.
  int32_t num_threads() const;
};

/// Workers next to one node's memory, and the cores they run on.
struct Lane {
  std::vector<int32_t> cpus;
  int32_t workers = 0;
};

/// Shares `threads` workers out over the nodes in proportion to their cores. A lane is a node with
/// memory; cores without memory of their own join the nearest one that has, and lanes left without
/// a worker are none. One lane (cores unnamed) where there is nothing to choose.
std::vector<Lane> PlanLanes(const Topology& topology, int32_t threads);

/// Where the share of lane `lane` of `count` items ends, in proportion to their workers; it begins
/// where the one before ends.
int64_t LaneEnd(absl::Span<const Lane> lanes, size_t lane, int64_t count);
/// Of each lane.
std::vector<int64_t> LaneEnds(absl::Span<const Lane> lanes, int64_t count);

}  // namespace hadal::inference
