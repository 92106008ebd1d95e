#include "inference/kernels/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <numeric>
#include <thread>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

std::vector<int32_t> Range(int32_t begin, int32_t end) {
  std::vector<int32_t> cpus(static_cast<size_t>(end - begin));
  std::iota(cpus.begin(), cpus.end(), begin);
  return cpus;
}

/// A machine whose nodes have so many cores each, and so many GiB.
Topology Machine(const std::vector<std::pair<int32_t, int64_t>>& nodes) {
  Topology topology;
  int32_t next = 0;
  for (const auto& [cpus, gib] : nodes) {
    NumaNode node{.id = static_cast<int32_t>(topology.nodes.size()),
                  .cpus = Range(next, next + cpus),
                  .memory_bytes = gib << 30};
    for (size_t other = 0; other < nodes.size(); ++other) {
      const auto away = std::abs(static_cast<int32_t>(other) - node.id);
      node.distances.push_back(10 + 10 * away);
    }
    next += cpus;
    topology.nodes.push_back(std::move(node));
  }
  return topology;
}

std::vector<int32_t> Workers(const std::vector<Lane>& lanes) {
  std::vector<int32_t> workers;
  for (const Lane& lane : lanes) workers.push_back(lane.workers);
  return workers;
}

TEST(PlanLanes, OneNodeIsOneLaneOfAnyCores) {
  const std::vector<Lane> lanes = PlanLanes(Machine({{2, 24}}), 2);
  EXPECT_THAT(Workers(lanes), ElementsAre(2));
  EXPECT_TRUE(lanes[0].cpus.empty());
  EXPECT_THAT(Workers(PlanLanes({}, 3)), ElementsAre(3));
}

TEST(PlanLanes, WorkersFollowCores) {
  const std::vector<Lane> two = PlanLanes(Machine({{12, 384}, {12, 384}}), 24);
  EXPECT_THAT(Workers(two), ElementsAre(12, 12));
  EXPECT_EQ(two[0].cpus, Range(0, 12));
  EXPECT_EQ(two[1].cpus, Range(12, 24));
  const Topology four = Machine({{8, 64}, {8, 64}, {8, 64}, {8, 64}});
  EXPECT_THAT(Workers(PlanLanes(four, 32)), ElementsAre(8, 8, 8, 8));
  EXPECT_THAT(Workers(PlanLanes(four, 6)), ElementsAre(2, 2, 1, 1));
  EXPECT_THAT(Workers(PlanLanes(Machine({{12, 64}, {4, 64}}), 16)), ElementsAre(12, 4));
  EXPECT_THAT(Workers(PlanLanes(Machine({{12, 64}, {4, 64}}), 8)), ElementsAre(6, 2));
}

TEST(PlanLanes, NodesWithoutWorkersGetNothing) {
  EXPECT_THAT(Workers(PlanLanes(Machine({{12, 64}, {12, 64}}), 1)), ElementsAre(1));
  EXPECT_THAT(Workers(PlanLanes(Machine({{8, 64}, {0, 512}}), 8)), ElementsAre(8));
  EXPECT_THAT(Workers(PlanLanes(Machine({{8, 64}, {8, 64}, {8, 64}}), 2)), ElementsAre(1, 1));
}

TEST(PlanLanes, CoresWithoutMemoryJoinTheNearest) {
  const std::vector<Lane> lanes = PlanLanes(Machine({{4, 64}, {4, 0}, {4, 0}, {4, 64}}), 16);
  EXPECT_THAT(Workers(lanes), ElementsAre(8, 8));
  EXPECT_EQ(lanes[0].cpus, Range(0, 8));
  EXPECT_EQ(lanes[1].cpus, Range(8, 16));
  EXPECT_THAT(Workers(PlanLanes(Machine({{4, 0}, {4, 0}}), 8)), ElementsAre(8));
}

TEST(LaneEnds, SharesAreWholeAndInProportion) {
  const std::vector<Lane> one = {{{}, 5}};
  EXPECT_THAT(LaneEnds(one, 7), ElementsAre(7));
  const std::vector<Lane> three = {{{}, 2}, {{}, 1}, {{}, 1}};
  EXPECT_THAT(LaneEnds(three, 400), ElementsAre(200, 300, 400));
  EXPECT_THAT(LaneEnds(three, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(LaneEnds(three, 1), ElementsAre(0, 0, 1));
  EXPECT_THAT(LaneEnds(three, 0), ElementsAre(0, 0, 0));
}

/// The files of a machine, written below a temporary folder.
class TopologyRead : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  const std::string& root() const { return dir_->path(); }
  void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(MakeDirectories(root() + path.substr(0, path.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(root() + path, text));
  }
  void WriteNode(int32_t id, const std::string& cpus, int64_t kib, const std::string& distances) {
    const std::string path = "/sys/devices/system/node/node" + std::to_string(id);
    Write(path + "/cpulist", cpus + "\n");
    Write(path + "/meminfo",
          fmt::format("Node {} MemTotal: {:14} kB\nNode {} MemFree: 7 kB\n", id, kib, id));
    Write(path + "/distance", distances + "\n");
  }

 private:
  std::unique_ptr<TempDir> dir_;
};

TEST_F(TopologyRead, NodesAsTheKernelDescribesThem) {
  Write("/sys/devices/system/node/online", "0-1,3\n");
  WriteNode(0, "0-1,4-5", 1024, "10 21 0 31");
  WriteNode(1, "2-3,6", 2048, "21 10 0 31");
  WriteNode(3, "", 4096, "31 31 0 10");
  const Topology machine = Topology::Read(Range(0, 7), root());
  ASSERT_EQ(machine.nodes.size(), 3u);
  EXPECT_THAT(machine.nodes[0].cpus, ElementsAre(0, 1, 4, 5));
  EXPECT_EQ(machine.nodes[1].memory_bytes, 2048 << 10);
  EXPECT_THAT(machine.nodes[1].distances, ElementsAre(21, 10, 0, 31));
  EXPECT_EQ(machine.nodes[2].id, 3);
  EXPECT_TRUE(machine.nodes[2].cpus.empty());
  EXPECT_EQ(machine.num_threads(), 7);
  // Of a process that may use some of them only.
  const Topology part = Topology::Read(std::vector<int32_t>{1, 4, 6}, root());
  EXPECT_THAT(part.nodes[0].cpus, ElementsAre(1, 4));
  EXPECT_THAT(part.nodes[1].cpus, ElementsAre(6));
}

TEST_F(TopologyRead, OneNodeWhereTheKernelSaysNothingOfSomeCore) {
  EXPECT_EQ(Topology::Read(Range(0, 4), root()).nodes.size(), 1u);
  Write("/sys/devices/system/node/online", "0-1\n");
  WriteNode(0, "0-1", 1024, "10 20");
  const Topology machine = Topology::Read(Range(0, 4), root());
  ASSERT_EQ(machine.nodes.size(), 1u);
  EXPECT_EQ(machine.nodes[0].cpus, Range(0, 4));
}

TEST_F(TopologyRead, TheTightestControlGroupLimitsThreads) {
  Write("/proc/self/cgroup", "1:cpu:/old\n0::/system.slice/hadal.service\n");
  EXPECT_EQ(Topology::Read(Range(0, 16), root()).num_threads(), 16);
  Write("/sys/fs/cgroup/system.slice/hadal.service/cpu.max", "max 100000\n");
  EXPECT_EQ(Topology::Read(Range(0, 16), root()).num_threads(), 16);
  Write("/sys/fs/cgroup/system.slice/cpu.max", "350000 100000\n");
  EXPECT_EQ(Topology::Read(Range(0, 16), root()).num_threads(), 4);
  Write("/sys/fs/cgroup/system.slice/hadal.service/cpu.max", "200000 100000\n");
  EXPECT_EQ(Topology::Read(Range(0, 16), root()).num_threads(), 2);
  EXPECT_EQ(Topology::Read(Range(0, 1), root()).num_threads(), 1);
}

TEST(Topology, OfAThreadBoundToOneCore) {
  std::thread([] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT_GE(::sched_getcpu(), 0);
    CPU_SET(static_cast<size_t>(::sched_getcpu()), &set);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(set), &set), 0);
    EXPECT_EQ(Topology::OfThisThread().num_threads(), 1);
  }).join();
}

}  // namespace
}  // namespace hadal::inference
