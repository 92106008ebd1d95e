#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace hadal::inference {

/// The engine's one pool: `num_threads` workers, the caller being worker 0. Workers spin briefly
/// for the next task, then sleep, so an idle engine costs nothing and a preempted thread stalls
/// nobody for longer than its own share. Thread-safe: calls from several threads run one after the
/// other.
class ThreadPool {
 public:
  /// 0: one per hardware thread.
  explicit ThreadPool(int32_t num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int32_t num_threads() const;

  /// Runs body(context, begin, end) over [0, count) cut into chunks of `grain` that idle workers
  /// claim one by one; returns when all are done. The cut does not depend on the number of threads.
  void ParallelFor(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                   void* context);

  template <typename Body>
  void ParallelFor(int64_t count, int64_t grain, Body&& body) {
    ParallelFor(
        count, grain,
        [](void* context, int64_t begin, int64_t end) {
          (*static_cast<std::remove_reference_t<Body>*>(context))(begin, end);
        },
        &body);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal::inference
