#include "inference/kernels/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace hadal::inference {
namespace {

TEST(ThreadPool, EveryIndexOnceWhateverTheGrain) {
  for (const int32_t threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int64_t count : {0, 1, 7, 1000}) {
      for (const int64_t grain : {1, 3, 2000}) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
        pool.ParallelFor(count, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LE(end - begin, grain);
          EXPECT_EQ(begin % grain, 0);
          for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
        });
        for (const auto& times : seen) EXPECT_EQ(times.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, ResultsAreVisibleAfterManySmallJobs) {
  ThreadPool pool(4);
  int64_t total = 0;
  for (int job = 0; job < 3000; ++job) {
    int64_t parts[8] = {};
    pool.ParallelFor(8, 1, [&](int64_t begin, int64_t) { parts[begin] = begin + job; });
    for (const int64_t part : parts) total += part;
  }
  EXPECT_EQ(total, 3000 * 28 + 8 * (2999 * 3000 / 2));
}

TEST(ThreadPool, CallersFromSeveralThreadsTakeTurns) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int job = 0; job < 200; ++job) {
        pool.ParallelFor(6, 1, [&](int64_t begin, int64_t) {
          sum += begin;
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 200 * 15);
}

TEST(ThreadPool, WorkersThatSleptWakeUp) {
  ThreadPool pool(2);
  absl::Mutex mu;
  std::set<std::thread::id> ids;
  for (int job = 0; job < 3; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than any spinning
    pool.ParallelFor(2, 1, [&](int64_t, int64_t) {
      {
        absl::MutexLock lock(&mu);
        ids.insert(std::this_thread::get_id());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
  }
  EXPECT_EQ(ids.size(), 2u);
}

// A worker held up inside a chunk costs its own share only: the caller does the rest meanwhile.
TEST(ThreadPool, AStalledWorkerDoesNotHoldTheOtherChunks) {
  ThreadPool pool(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> by_caller{0};
  std::atomic<int> by_worker{0};
  pool.ParallelFor(20, 1, [&](int64_t, int64_t) {
    if (std::this_thread::get_id() == caller) {
      ++by_caller;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    } else {
      ++by_worker;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  EXPECT_EQ(by_caller + by_worker, 20);
  EXPECT_GE(by_caller.load(), 15);
}

/// Two lanes, of one worker and one core of this machine each.
class TwoLanes : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<int32_t> cpus;
    for (const NumaNode& node : Topology::OfThisThread().nodes) {
      cpus.insert(cpus.end(), node.cpus.begin(), node.cpus.end());
    }
    if (cpus.size() < 2) GTEST_SKIP() << "one core";
    lanes_ = {{{cpus[0]}, 1}, {{cpus[1]}, 1}};
  }
  std::vector<Lane> lanes_;
};

TEST_F(TwoLanes, EveryIndexOnce) {
  ThreadPool pool(lanes_);
  EXPECT_EQ(pool.num_threads(), 2);
  for (const int64_t count : {1, 2, 7, 1000}) {
    for (const int64_t grain : {1, 3}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      auto body = [&](int64_t begin, int64_t end) {
        EXPECT_LE(end - begin, grain);
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
      };
      pool.ParallelFor(count, grain, body);
      for (const int64_t first : {int64_t{0}, count / 3, count}) {
        const int64_t ends[] = {first, count};
        pool.ParallelFor(ends, grain, ThreadPool::Stealing::kAllowed, body);
        pool.ParallelFor(ends, grain, ThreadPool::Stealing::kNever, body);
      }
      for (const auto& times : seen) EXPECT_EQ(times.load(), 7);
    }
  }
}

TEST_F(TwoLanes, WithoutStealingItemsRunOnTheirLanesCoresAndTheCallerGoesBackToItsOwn) {
  ThreadPool pool(lanes_);
  const int32_t before = Topology::OfThisThread().num_cpus();
  const int64_t ends[] = {30, 100};
  std::atomic<int> elsewhere{0};
  pool.ParallelFor(ends, 4, ThreadPool::Stealing::kNever, [&](int64_t begin, int64_t end) {
    EXPECT_TRUE(end <= 30 || begin >= 30);
    if (::sched_getcpu() != lanes_[begin < 30 ? 0 : 1].cpus[0]) ++elsewhere;
  });
  EXPECT_EQ(elsewhere.load(), 0);
  EXPECT_EQ(Topology::OfThisThread().num_cpus(), before);
}

// Each waits in its first chunk for the other's, so both have one.
TEST_F(TwoLanes, WorkersTakeTheirOwnShareFirstAndThenHelp) {
  ThreadPool pool(lanes_);
  std::thread([&] {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<size_t>(lanes_[0].cpus[0]), &here);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(here), &here), 0);
    const std::thread::id caller = std::this_thread::get_id();
    std::vector<int64_t> first(2, -1);
    std::atomic<int> started{0};
    std::atomic<int> stolen{0};
    const int64_t ends[] = {10, 20};
    pool.ParallelFor(ends, 1, ThreadPool::Stealing::kAllowed, [&](int64_t begin, int64_t) {
      const size_t who = std::this_thread::get_id() == caller ? 0 : 1;
      if (first[who] < 0) {
        first[who] = begin;
        ++started;
        while (started < 2) std::this_thread::yield();
      }
      if (who == 0 && begin >= 10) ++stolen;
      // The second lane is slow: the caller is through with its own long before.
      if (who == 1) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    });
    EXPECT_EQ(first[0], 0);
    EXPECT_EQ(first[1], 10);
    EXPECT_GE(stolen.load(), 1);
  }).join();
}

}  // namespace
}  // namespace hadal::inference
