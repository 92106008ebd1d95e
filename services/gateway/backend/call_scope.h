#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace grpc {
class ServerContextBase;
}

namespace hadal::gateway {

/// The life of one public request: its deadline, and whether its caller is still there. Every call
/// made for it (search, generation) ends when it ends. Thread-safe.
class CallScope {
 public:
  /// `server_call`: the gRPC call being served, or null (HTTP: Cancel() is called on disconnect).
  explicit CallScope(absl::Time deadline, const grpc::ServerContextBase* server_call = nullptr)
      : deadline_(deadline), server_call_(server_call) {}

  absl::Time deadline() const { return deadline_; }
  const grpc::ServerContextBase* server_call() const { return server_call_; }
  /// The caller went away: runs every attached canceller, now and for those attached later.
  void Cancel();
  bool cancelled() const;
  /// CANCELLED when the caller is gone, else OK.
  Status Check() const;

  /// Keeps `cancel` registered while it lives. `cancel` may run on any thread, at most once, and
  /// not after the destructor returned.
  class Attachment {
   public:
    Attachment(CallScope& scope, std::function<void()> cancel);
    ~Attachment();
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

   private:
    CallScope& scope_;
    int64_t id_;
  };

 private:
  const absl::Time deadline_;
  const grpc::ServerContextBase* const server_call_;
  mutable absl::Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int64_t, std::function<void()>> cancellers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::gateway
