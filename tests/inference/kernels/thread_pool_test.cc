#include "inference/kernels/thread_pool.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hadal::inference
