#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace hadal::inference_service {

/// Counts the calls somebody waits for, so that background work can step aside. Thread-safe.
class Foreground {
 public:
  /// One such call, for as long as it lives.
  class Call {
   public:
    explicit Call(Foreground& foreground) : foreground_(foreground) { foreground_.Begin(); }
    ~Call() { foreground_.End(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Foreground& foreground_;
  };

  /// Until there has been none for a moment (an answer is several calls with short gaps), or
  /// `limit` is over: background work slows down under load, it never stands still.
  void WaitUntilIdle(absl::Duration limit) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Begin() ABSL_LOCKS_EXCLUDED(mu_);
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  int32_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time last_end_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace hadal::inference_service
