#include "inference/kernels/topology.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/check.h"

namespace hadal::inference {
namespace {

/// Empty where there is no such file.
std::string Text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The kernel's lists: "0-3,8,10-11".
std::vector<int32_t> ParseList(const std::string& text) {
  std::vector<int32_t> numbers;
  std::istringstream in(text);
  for (int32_t first = 0; in >> first;) {
    int32_t last = first;
    if (in.peek() == '-') in.ignore() >> last;
    for (int32_t n = first; n <= last; ++n) numbers.push_back(n);
    if (in.peek() == ',') in.ignore();
  }
  return numbers;
}

/// "Node 0 MemTotal:  24689244 kB" among other lines.
int64_t ParseMemory(const std::string& text) {
  constexpr std::string_view kKey = "MemTotal:";
  const size_t at = text.find(kKey);
  if (at == std::string::npos) return 0;
  int64_t kib = 0;
  std::istringstream(text.substr(at + kKey.size())) >> kib;
  return kib << 10;
}

/// The smallest cpu.max ("max 100000", "250000 100000") of the group and those around it.
int32_t ReadQuota(const std::string& root) {
  std::istringstream groups(Text(root + "/proc/self/cgroup"));
  std::string group;
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::/")) group = line.substr(3);
  }
  int32_t quota = 0;
  while (true) {
    std::istringstream limit(Text(root + "/sys/fs/cgroup" + group + "/cpu.max"));
    int64_t time = 0, period = 0;
    if (limit >> time >> period && time > 0 && period > 0) {
      const auto cores = static_cast<int32_t>((time + period - 1) / period);
      quota = quota == 0 ? cores : std::min(quota, cores);
    }
    if (group.empty()) return quota;
    group.resize(group.rfind('/'));
  }
}

/// The lane whose memory is nearest to `node`: its own, or that of the least distance.
size_t NearestLane(const NumaNode& node, absl::Span<const NumaNode* const> with_memory) {
  const auto distance = [&](const NumaNode* other) {
    const auto at = static_cast<size_t>(other->id);
    if (other->id == node.id) return 0;
    return at < node.distances.size() ? node.distances[at] : INT32_MAX;
  };
  const auto nearest =
      std::min_element(with_memory.begin(), with_memory.end(),
                       [&](const auto* a, const auto* b) { return distance(a) < distance(b); });
  return static_cast<size_t>(nearest - with_memory.begin());
}

}  // namespace

Topology Topology::Read(absl::Span<const int32_t> cpus, const std::string& root) {
  Topology topology;
  topology.cpu_quota = ReadQuota(root);
  const std::string folder = root + "/sys/devices/system/node";
  size_t found = 0;
  for (const int32_t id : ParseList(Text(folder + "/online"))) {
    const std::string path = folder + "/node" + std::to_string(id);
    NumaNode node{.id = id};
    for (const int32_t cpu : ParseList(Text(path + "/cpulist"))) {
      if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) node.cpus.push_back(cpu);
    }
    node.memory_bytes = ParseMemory(Text(path + "/meminfo"));
    std::istringstream distances(Text(path + "/distance"));
    for (int32_t d = 0; distances >> d;) node.distances.push_back(d);
    found += node.cpus.size();
    topology.nodes.push_back(std::move(node));
  }
  if (found != cpus.size()) topology.nodes = {{.cpus = {cpus.begin(), cpus.end()}}};
  return topology;
}

Topology Topology::OfThisThread() {
  constexpr size_t kSets = 8;  // of 1024 cores each
  cpu_set_t sets[kSets];
  std::vector<int32_t> cpus;
  if (::sched_getaffinity(0, sizeof(sets), sets) == 0) {
    for (size_t cpu = 0; cpu < kSets * CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET_S(cpu, sizeof(sets), sets)) cpus.push_back(static_cast<int32_t>(cpu));
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return Read(cpus);
}

int32_t Topology::num_cpus() const {
  size_t count = 0;
  for (const NumaNode& node : nodes) count += node.cpus.size();
  return static_cast<int32_t>(count);
}

int32_t Topology::num_threads() const {
  return cpu_quota > 0 ? std::min(cpu_quota, num_cpus()) : num_cpus();
}

std::vector<Lane> PlanLanes(const Topology& topology, int32_t threads) {
  CHECK(threads > 0);
  std::vector<const NumaNode*> with_memory;
  for (const NumaNode& node : topology.nodes) {
    if (node.memory_bytes > 0) with_memory.push_back(&node);
  }
  std::vector<Lane> lanes(with_memory.size());
  for (const NumaNode& node : topology.nodes) {
    if (with_memory.empty()) break;
    Lane& lane = lanes[NearestLane(node, with_memory)];
    lane.cpus.insert(lane.cpus.end(), node.cpus.begin(), node.cpus.end());
  }
  std::erase_if(lanes, [](const Lane& lane) { return lane.cpus.empty(); });
  // One by one to the lane with the fewest workers for its cores: in proportion, and none is more
  // than a worker off.
  for (int32_t t = 0; t < threads && !lanes.empty(); ++t) {
    const auto crowding = [](const Lane& lane) {
      return static_cast<double>(lane.workers + 1) / static_cast<double>(lane.cpus.size());
    };
    ++std::min_element(lanes.begin(), lanes.end(), [&](const Lane& a, const Lane& b) {
        return crowding(a) < crowding(b);
      })->workers;
  }
  std::erase_if(lanes, [](const Lane& lane) { return lane.workers == 0; });
  if (lanes.size() < 2) return {{.workers = threads}};
  return lanes;
}

int64_t LaneEnd(absl::Span<const Lane> lanes, size_t lane, int64_t count) {
  int64_t total = 0, before = 0;
  for (size_t l = 0; l < lanes.size(); ++l) {
    total += lanes[l].workers;
    if (l <= lane) before += lanes[l].workers;
  }
  return count * before / total;
}

std::vector<int64_t> LaneEnds(absl::Span<const Lane> lanes, int64_t count) {
  std::vector<int64_t> ends;
  for (size_t lane = 0; lane < lanes.size(); ++lane) ends.push_back(LaneEnd(lanes, lane, count));
  return ends;
}

}  // namespace hadal::inference
