#include "services/inference/memory_budget.h"

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

inference::ModelPlan Plan(int64_t mib) {
  return {.weight_bytes = (mib - 8) << 20,
          .kv_bytes = 5 << 20,
          .kv_tokens = 99,
          .buffer_bytes = 3 << 20};
}

TEST(MemoryBudget, HoldsWhatFitsAndRefusesWithNumbers) {
  MemoryBudget budget(int64_t{100} << 20);
  ASSERT_OK(budget.Reserve("a", Plan(60)));
  EXPECT_EQ(budget.ReservedBy("a"), int64_t{60} << 20);
  const Status refused = budget.Reserve("b", Plan(41));
  EXPECT_STATUS(refused, kResourceExhausted,
                "weights 33 MiB, KV cache 5 MiB for 99 tokens, buffers 3 MiB: 41 MiB");
  EXPECT_STATUS(refused, kResourceExhausted,
                "of 100 MiB for models 40 are free (loaded: a 60 MiB)");
  EXPECT_EQ(budget.ReservedBy("b"), 0);
  ASSERT_OK(budget.Reserve("b", Plan(40)));
  budget.Release("a");
  EXPECT_OK(budget.Reserve("c", Plan(60)));
}

class MachineMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    Write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:  5 kB\n");
  }
  void Write(const std::string& name, const std::string& text) {
    const std::string path = folder_->path() + name;
    ASSERT_OK(MakeDirectories(path.substr(0, path.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(path, text));
  }
  int64_t Memory() const { return MachineMemoryBytes(folder_->path()); }
  std::unique_ptr<TempDir> folder_;
};

TEST_F(MachineMemoryTest, IsTheMachinesWithoutAGroup) {
  EXPECT_EQ(Memory(), 1000 * 1024);
  Write("/proc/self/cgroup", "0::/\n");
  EXPECT_EQ(Memory(), 1000 * 1024);
}

TEST_F(MachineMemoryTest, IsTheLeastLimitOnTheWayUp) {
  Write("/proc/self/cgroup", "0::/system.slice/hadal.service\n");
  Write("/sys/fs/cgroup/system.slice/hadal.service/memory.max", "max\n");
  EXPECT_EQ(Memory(), 1000 * 1024);
  Write("/sys/fs/cgroup/system.slice/memory.max", "70000\n");
  EXPECT_EQ(Memory(), 70000);
  Write("/sys/fs/cgroup/system.slice/hadal.service/memory.max", "60000\n");
  EXPECT_EQ(Memory(), 60000);
}

TEST_F(MachineMemoryTest, KnowsTheFirstVersionOfGroups) {
  Write("/proc/self/cgroup", "5:cpu:/a\n4:memory:/a\n1:name=systemd:/a\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "50000\n");
  EXPECT_EQ(Memory(), 50000);
}

TEST(MachineMemory, IsSomethingHere) { EXPECT_GT(MachineMemoryBytes(), int64_t{64} << 20); }

}  // namespace
}  // namespace hadal::inference_service
