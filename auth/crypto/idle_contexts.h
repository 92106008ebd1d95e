#pragma once

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace hadal::auth {

/// Library contexts that hold an expanded key and are at rest: a call takes one and brings it back,
/// so that the key is expanded once a concurrent call and not once a value. Thread-safe.
template <typename Context>
class IdleContexts {
 public:
  /// Null when none is at rest.
  Context Take() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (idle_.empty()) return nullptr;
    Context context = std::move(idle_.back());
    idle_.pop_back();
    return context;
  }
  void Return(Context context) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    idle_.push_back(std::move(context));
  }

 private:
  absl::Mutex mu_;
  std::vector<Context> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::auth
