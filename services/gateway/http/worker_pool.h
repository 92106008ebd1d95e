#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/queue.h"

namespace hadal::gateway {

/// Threads for work that blocks (calls to other services, fsync), with a bounded queue in front.
/// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(int num_threads, size_t queue_capacity);
  /// Runs what is queued, then joins.
  ~WorkerPool();
  /// False when the queue is full or the pool stopped.
  bool TrySubmit(std::function<void()> task) { return tasks_.TryPush(std::move(task)); }
  /// Refuses new tasks, runs the queued ones, joins.
  void Stop();

 private:
  BoundedQueue<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
};

}  // namespace hadal::gateway
