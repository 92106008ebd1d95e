#include "inference/kernels/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/check.h"

namespace hadal::inference {
namespace {

// Spinning covers the gap between two ops of one forward pass (a few microseconds); a longer gap
// sleeps, since the cores are shared with the other services.
constexpr int kSpinRounds = 2000;

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

// A job is published by storing `cursor` = (epoch << 32 | chunks left). A worker claims a chunk by
// lowering the count with a compare-exchange, which fails for a worker that still looks at an older
// epoch; the job's fields are read only after a claim, when the caller cannot have left yet.
struct ThreadPool::State {
  absl::Mutex caller_mu;  // one job at a time
  std::atomic<uint64_t> cursor{0};
  std::atomic<int32_t> epoch{0};    // what idle workers watch
  std::atomic<int32_t> pending{0};  // chunks not finished
  std::atomic<bool> stopping{false};
  void (*body)(void*, int64_t, int64_t) = nullptr;
  void* context = nullptr;
  int64_t count = 0;
  int64_t grain = 1;
  int64_t num_chunks = 0;
  std::vector<std::thread> workers;

  void RunChunks(uint32_t job) {
    uint64_t seen = cursor.load(std::memory_order_acquire);
    while (static_cast<uint32_t>(seen >> 32) == job && static_cast<uint32_t>(seen) != 0) {
      if (!cursor.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) continue;
      const int64_t chunk = num_chunks - static_cast<uint32_t>(seen);
      const int64_t begin = chunk * grain;
      body(context, begin, std::min(count, begin + grain));
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_all();
      seen = cursor.load(std::memory_order_acquire);
    }
  }

  void WorkerLoop() {
    int32_t last = 0;
    while (true) {
      int32_t now = epoch.load(std::memory_order_acquire);
      for (int round = 0; now == last && round < kSpinRounds; ++round) {
        CpuRelax();
        now = epoch.load(std::memory_order_acquire);
      }
      if (now == last) {
        epoch.wait(last, std::memory_order_acquire);
        continue;
      }
      last = now;
      if (stopping.load(std::memory_order_acquire)) return;
      RunChunks(static_cast<uint32_t>(now));
    }
  }

  void Announce() {
    epoch.fetch_add(1, std::memory_order_acq_rel);
    epoch.notify_all();
  }
};

ThreadPool::ThreadPool(int32_t num_threads) : state_(std::make_unique<State>()) {
  if (num_threads <= 0) {
    num_threads = std::max(1, static_cast<int32_t>(std::thread::hardware_concurrency()));
  }
  for (int32_t i = 1; i < num_threads; ++i) {
    state_->workers.emplace_back([state = state_.get()] { state->WorkerLoop(); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->Announce();
  for (std::thread& worker : state_->workers) worker.join();
}

int32_t ThreadPool::num_threads() const {
  return static_cast<int32_t>(state_->workers.size()) + 1;
}

void ThreadPool::ParallelFor(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                             void* context) {
  CHECK(grain > 0);
  if (count <= 0) return;
  const int64_t num_chunks = (count + grain - 1) / grain;
  CHECK(num_chunks <= INT32_MAX);
  if (num_chunks == 1 || state_->workers.empty()) {
    for (int64_t begin = 0; begin < count; begin += grain) {
      body(context, begin, std::min(count, begin + grain));
    }
    return;
  }
  State& state = *state_;
  absl::MutexLock lock(&state.caller_mu);
  state.body = body;
  state.context = context;
  state.count = count;
  state.grain = grain;
  state.num_chunks = num_chunks;
  state.pending.store(static_cast<int32_t>(num_chunks), std::memory_order_relaxed);
  const auto job = static_cast<uint32_t>(state.epoch.load(std::memory_order_relaxed)) + 1;  // wraps
  state.cursor.store(uint64_t{job} << 32 | static_cast<uint64_t>(num_chunks),
                     std::memory_order_release);
  state.Announce();
  state.RunChunks(job);
  // A worker may have been preempted inside its last chunk: give it this core after a short spin.
  int32_t left = state.pending.load(std::memory_order_acquire);
  for (int round = 0; left != 0 && round < kSpinRounds; ++round) {
    CpuRelax();
    left = state.pending.load(std::memory_order_acquire);
  }
  while (left != 0) {
    state.pending.wait(left, std::memory_order_acquire);
    left = state.pending.load(std::memory_order_acquire);
  }
}

}  // namespace hadal::inference
