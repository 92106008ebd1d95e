#pragma once

#include <grpcpp/client_context.h>

#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace hadal::cli {

/// While it lives, SIGINT and SIGTERM end a command through its own way out: they cancel its calls
/// and its pauses. Made before the first thread, which would else take the signals. Thread-safe.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  bool requested() const ABSL_LOCKS_EXCLUDED(mu_);
  /// Waits for so long; true at once when interrupted.
  bool Pause(absl::Duration duration) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Lets the interruption cancel a call, for as long as this lives.
  class Cancels {
   public:
    Cancels(Interruption& interruption, grpc::ClientContext& call);
    ~Cancels();
    Cancels(const Cancels&) = delete;
    Cancels& operator=(const Cancels&) = delete;

   private:
    Interruption& interruption_;
    grpc::ClientContext& call_;
  };

 private:
  void Watch() ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  bool requested_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace hadal::cli
