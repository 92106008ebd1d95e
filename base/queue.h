#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace hadal {

/// FIFO between threads with a fixed capacity. Close() ends it: pushes fail at once, pops drain
/// what is left and then return nullopt. Thread-safe.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  /// False when full or closed; never blocks.
  bool TryPush(T item) {
    absl::MutexLock lock(&mu_);
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    return true;
  }

  /// Waits for room. False when closed.
  bool Push(T item) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](BoundedQueue* q) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return q->closed_ || q->items_.size() < q->capacity_;
        },
        this));
    if (closed_) return false;
    items_.push_back(std::move(item));
    return true;
  }

  /// Waits for an item until `deadline`. nullopt on time-out, or when closed and empty.
  std::optional<T> Pop(absl::Time deadline = absl::InfiniteFuture()) {
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithDeadline(absl::Condition(
                              +[](BoundedQueue* q) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                                return q->closed_ || !q->items_.empty();
                              },
                              this),
                          deadline);
    return PopLocked();
  }

  /// nullopt when empty; never blocks.
  std::optional<T> TryPop() {
    absl::MutexLock lock(&mu_);
    return PopLocked();
  }

  void Close() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }

  bool closed() const {
    absl::MutexLock lock(&mu_);
    return closed_;
  }

  size_t size() const {
    absl::MutexLock lock(&mu_);
    return items_.size();
  }

 private:
  std::optional<T> PopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  const size_t capacity_;
  mutable absl::Mutex mu_;
  std::deque<T> items_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace hadal
