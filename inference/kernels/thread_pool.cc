#include "inference/kernels/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/check.h"

namespace hadal::inference {
namespace {

using Clock = std::chrono::steady_clock;

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits for something that is mostly near. Spinning covers the gap between two ops of one forward
/// pass, where a futex would cost more than the gap; but the cores are shared with other services,
/// so who waited for long spins half as long the next time, and who did not twice as long. Confined
/// to one thread.
class Spinner {
 public:
  /// Until `ready`; `sleep` returns when that may have changed.
  template <typename Ready, typename Sleep>
  void Wait(const Ready& ready, const Sleep& sleep) {
    if (ready()) return;
    const Clock::time_point start = Clock::now();
    Clock::time_point now = start;
    while (now - start < budget_) {
      for (int i = 0; i < 8; ++i) {  // a pause is 10 to 70 ns, asking the time about 25
        CpuRelax();
        if (ready()) return Adapt(/*near=*/true);
      }
      now = Clock::now();
    }
    while (!ready()) sleep();
    Adapt(Clock::now() - start < kMost);
  }

 private:
  static constexpr std::chrono::nanoseconds kMost{100'000};
  static constexpr std::chrono::nanoseconds kLeast{4'000};  // about what sleeping and waking costs

  void Adapt(bool near) {
    budget_ = near ? std::min(kMost, 2 * budget_) : std::max(kLeast, budget_ / 2);
  }

  std::chrono::nanoseconds budget_ = kMost;
};

/// The calling thread on these cores; fails silently, as it does where a sandbox forbids it.
void BindThread(absl::Span<const int32_t> cpus) {
  cpu_set_t sets[8] = {};
  for (const int32_t cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), sizeof(sets), sets);
  ::sched_setaffinity(0, sizeof(sets), sets);
}

/// Binds a caller of the pool for as long as it is a worker: until the end of a scope, which gives
/// back the cores it had. Does nothing where those cannot be asked.
class BoundHere {
 public:
  explicit BoundHere(absl::Span<const int32_t> cpus)
      : known_(::sched_getaffinity(0, sizeof(before_), before_) >= 0) {
    if (known_) BindThread(cpus);
  }
  ~BoundHere() {
    if (known_) ::sched_setaffinity(0, sizeof(before_), before_);
  }
  BoundHere(const BoundHere&) = delete;
  BoundHere& operator=(const BoundHere&) = delete;

 private:
  cpu_set_t before_[8] = {};
  const bool known_;
};

/// A worker's part of the job, where it begins: it so reads one stream of memory, and those who
/// are done early take what is left of the others' parts. `cursor` is (job << 32 | chunks left).
struct alignas(64) Share {
  std::atomic<uint64_t> cursor{0};
  int64_t begin = 0;
  int64_t end = 0;
  int64_t num_chunks = 0;
  size_t lane = 0;
};

std::vector<Share> SharesOf(absl::Span<const Lane> lanes) {
  size_t workers = 0;
  for (const Lane& lane : lanes) workers += static_cast<size_t>(lane.workers);
  std::vector<Share> shares(workers);
  size_t next = 0;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    for (int32_t i = 0; i < lanes[lane].workers; ++i) shares[next++].lane = lane;
  }
  return shares;
}

}  // namespace

// A job is published by storing the cursors of all shares. A worker claims a chunk by lowering the
// count with a compare-exchange, which fails for a worker that still looks at an older job; the
// job's fields are read only after a claim, when the caller cannot have left yet. Fields that are
// written by different threads lie on cache lines of their own.
struct ThreadPool::State {
  explicit State(std::vector<Lane> plan) : lanes(std::move(plan)), shares(SharesOf(lanes)) {}

  const std::vector<Lane> lanes;
  std::vector<Share> shares;
  std::vector<std::thread> workers;

  absl::Mutex caller_mu;  // one job at a time
  Spinner caller_spinner;
  void (*body)(void*, int64_t, int64_t) = nullptr;
  void* context = nullptr;
  int64_t grain = 1;
  std::atomic<bool> steal{true};  // a worker between two jobs may read either's: it claims nothing

  alignas(64) std::atomic<int32_t> epoch{0};    // the job; what idle workers watch
  alignas(64) std::atomic<int32_t> pending{0};  // chunks not finished
  std::atomic<bool> stopping{false};

  int32_t RunShare(uint32_t job, Share& share) {
    int32_t done = 0;
    uint64_t seen = share.cursor.load(std::memory_order_acquire);
    while (static_cast<uint32_t>(seen >> 32) == job && static_cast<uint32_t>(seen) != 0) {
      if (!share.cursor.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) continue;
      const int64_t chunk = share.num_chunks - static_cast<uint32_t>(seen);
      const int64_t begin = share.begin + chunk * grain;
      body(context, begin, std::min(share.end, begin + grain));
      ++done;
      seen = share.cursor.load(std::memory_order_acquire);
    }
    return done;
  }

  // The worker's own share first, then those of its lane. Chunks count as finished when it finds no
  // more.
  void RunChunks(uint32_t job, size_t own) {
    int32_t done = 0;
    for (const bool near : {true, false}) {
      if (!near && !steal.load(std::memory_order_relaxed)) break;
      for (size_t i = 0; i < shares.size(); ++i) {
        Share& share = shares[(own + i) % shares.size()];
        if ((share.lane == shares[own].lane) == near) done += RunShare(job, share);
      }
    }
    if (done == 0) return;
    if (pending.fetch_sub(done, std::memory_order_acq_rel) == done) pending.notify_one();
  }

  void WorkerLoop(size_t own) {
    if (lanes.size() > 1) BindThread(lanes[shares[own].lane].cpus);
    Spinner spinner;
    int32_t last = 0;
    while (true) {
      spinner.Wait([&] { return epoch.load(std::memory_order_acquire) != last; },
                   [&] { epoch.wait(last, std::memory_order_acquire); });
      last = epoch.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      RunChunks(static_cast<uint32_t>(last), own);
    }
  }

  void Announce() {
    epoch.fetch_add(1, std::memory_order_acq_rel);
    epoch.notify_all();
  }

  /// The first share of the lane whose cores this thread runs on now.
  size_t ShareHere() const {
    if (lanes.size() == 1) return 0;
    const int cpu = ::sched_getcpu();
    const auto here = std::find_if(shares.begin(), shares.end(), [&](const Share& share) {
      const std::vector<int32_t>& cpus = lanes[share.lane].cpus;
      return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
    });
    return here == shares.end() ? 0 : static_cast<size_t>(here - shares.begin());
  }

  void Run(size_t own, int32_t num_chunks) {
    pending.store(num_chunks, std::memory_order_relaxed);
    const auto job = static_cast<uint32_t>(epoch.load(std::memory_order_relaxed)) + 1;  // wraps
    for (Share& share : shares) {
      share.cursor.store(uint64_t{job} << 32 | static_cast<uint64_t>(share.num_chunks),
                         std::memory_order_release);
    }
    Announce();
    RunChunks(job, own);
    // A worker may have been preempted inside its last chunk: this core is for it then.
    caller_spinner.Wait([this] { return pending.load(std::memory_order_acquire) == 0; },
                        [this] {
                          const int32_t left = pending.load(std::memory_order_acquire);
                          if (left != 0) pending.wait(left, std::memory_order_acquire);
                        });
  }
};

ThreadPool::ThreadPool(int32_t num_threads)
    : ThreadPool([num_threads] {
        const Topology topology = Topology::OfThisThread();
        return PlanLanes(topology, num_threads > 0 ? num_threads : topology.num_threads());
      }()) {}

ThreadPool::ThreadPool(std::vector<Lane> lanes)
    : state_(std::make_unique<State>(std::move(lanes))) {
  CHECK(!state_->lanes.empty());
  for (const Lane& lane : state_->lanes) CHECK(lane.workers > 0);
  // Worker 0, of the first lane, is the caller.
  for (size_t own = 1; own < state_->shares.size(); ++own) {
    state_->workers.emplace_back([state = state_.get(), own] { state->WorkerLoop(own); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->Announce();
  for (std::thread& worker : state_->workers) worker.join();
}

int32_t ThreadPool::num_threads() const { return static_cast<int32_t>(state_->workers.size()) + 1; }

absl::Span<const Lane> ThreadPool::lanes() const { return state_->lanes; }

void ThreadPool::ParallelFor(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                             void* context) {
  CHECK(grain > 0);
  if (count <= 0) return;
  if (count <= grain) return body(context, 0, count);
  if (state_->lanes.size() == 1) {
    return ParallelFor({&count, 1}, grain, Stealing::kAllowed, body, context);
  }
  std::vector<int64_t> ends = LaneEnds(state_->lanes, (count + grain - 1) / grain);
  for (int64_t& end : ends) end = std::min(count, end * grain);
  ParallelFor(ends, grain, Stealing::kAllowed, body, context);
}

void ThreadPool::ParallelFor(absl::Span<const int64_t> lane_ends, int64_t grain, Stealing stealing,
                             void (*body)(void*, int64_t, int64_t), void* context) {
  State& state = *state_;
  CHECK(grain > 0 && lane_ends.size() == state.lanes.size());
  if (state.workers.empty() || (lane_ends.size() == 1 && lane_ends[0] <= grain)) {
    for (int64_t begin = 0; begin < lane_ends.back(); begin += grain) {
      body(context, begin, std::min(lane_ends.back(), begin + grain));
    }
    return;
  }
  absl::MutexLock lock(&state.caller_mu);
  int64_t num_chunks = 0, begin = 0;
  auto share = state.shares.begin();
  for (size_t lane = 0; lane < lane_ends.size(); ++lane) {
    CHECK(lane_ends[lane] >= begin);
    const int64_t chunks = (lane_ends[lane] - begin + grain - 1) / grain;
    const int64_t workers = state.lanes[lane].workers;
    for (int64_t worker = 0; worker < workers; ++worker, ++share) {
      share->num_chunks = chunks * (worker + 1) / workers - chunks * worker / workers;
      share->begin = begin;
      share->end = std::min(lane_ends[lane], begin + share->num_chunks * grain);
      begin = share->end;
    }
    num_chunks += chunks;
  }
  CHECK(num_chunks <= INT32_MAX);
  if (num_chunks == 0) return;
  state.body = body;
  state.context = context;
  state.grain = grain;
  state.steal.store(stealing == Stealing::kAllowed, std::memory_order_relaxed);
  if (stealing == Stealing::kAllowed || state.lanes.size() == 1) {
    state.Run(state.ShareHere(), static_cast<int32_t>(num_chunks));
  } else {
    const BoundHere bound(state.lanes[0].cpus);  // where the caller is a worker
    state.Run(0, static_cast<int32_t>(num_chunks));
  }
}

}  // namespace hadal::inference
