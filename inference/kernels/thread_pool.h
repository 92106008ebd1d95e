#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"
#include "inference/kernels/topology.h"

namespace hadal::inference {

/// The engine's one pool: `num_threads` workers, the caller being worker 0. Workers spin briefly
/// for the next task, then sleep, so an idle engine costs nothing and a preempted thread stalls
/// nobody for longer than its own share. On a machine of several NUMA nodes workers stay on the
/// cores of their node (its lane), take the lane's share of a job first and then help others.
/// Thread-safe: calls from several threads run one after the other.
class ThreadPool {
 public:
  /// On this machine's nodes. 0: as many as cores this thread may use and its control group grants.
  explicit ThreadPool(int32_t num_threads);
  /// As planned; threads are bound to cores where there is more than one lane.
  explicit ThreadPool(std::vector<Lane> lanes);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int32_t num_threads() const;
  absl::Span<const Lane> lanes() const;

  /// Runs body(context, begin, end) over [0, count) cut into chunks of `grain` that idle workers
  /// claim one by one; returns when all are done. The cut does not depend on the number of threads.
  void ParallelFor(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                   void* context);

  template <typename Body>
  void ParallelFor(int64_t count, int64_t grain, Body&& body) {
    ParallelFor(count, grain, &Call<std::remove_reference_t<Body>>, &body);
  }

  enum class Stealing {
    kAllowed,
    /// Items are run on the cores of their lane: for what touches memory first, which is where the
    /// kernel then puts it.
    kNever,
  };

  /// The same where lane l is to run the items before lane_ends[l] and behind those of the lane
  /// before it; chunks begin anew there. What LaneEnds() says of a matrix's rows when it is packed
  /// and when it is read keeps workers on memory of their own node.
  void ParallelFor(absl::Span<const int64_t> lane_ends, int64_t grain, Stealing stealing,
                   void (*body)(void*, int64_t, int64_t), void* context);

  template <typename Body>
  void ParallelFor(absl::Span<const int64_t> lane_ends, int64_t grain, Stealing stealing,
                   Body&& body) {
    ParallelFor(lane_ends, grain, stealing, &Call<std::remove_reference_t<Body>>, &body);
  }

 private:
  template <typename Body>
  static void Call(void* context, int64_t begin, int64_t end) {
    (*static_cast<Body*>(context))(begin, end);
  }

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal::inference
