#include "services/gateway/http/worker_pool.h"

#include <utility>

namespace hadal::gateway {

WorkerPool::WorkerPool(int num_threads, size_t queue_capacity) : tasks_(queue_capacity) {
  threads_.reserve(static_cast<size_t>(num_threads));
  for (int i = 0; i < num_threads; ++i) {
    threads_.emplace_back([this] {
      while (std::optional<std::function<void()>> task = tasks_.Pop()) (*task)();
    });
  }
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  tasks_.Close();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace hadal::gateway
