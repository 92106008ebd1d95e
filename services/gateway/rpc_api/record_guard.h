#pragma once

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/filters/admission.h"

namespace grpc {
class CallbackGenericService;
class ServerBuilder;
class ServerContextBase;
}  // namespace grpc

namespace hadal::gateway {

/// Sees to it that calls which reach no handler (an unknown method, a message that does not parse)
/// are recorded as well: at the moment a status is about to leave, a call that no handler has taken
/// goes through the filters here. Health and reflection are exempt. Thread-safe.
class RecordGuard {
 public:
  explicit RecordGuard(const Admission* admission);
  ~RecordGuard();

  /// Installs the interceptor and the answer to unknown methods. The guard outlives the server.
  void Install(grpc::ServerBuilder& builder);
  /// A handler has taken the call: its RequestContext makes the record.
  void MarkServed(const grpc::ServerContextBase* call);

 private:
  class Factory;
  class Interceptor;
  bool Served(const grpc::ServerContextBase* call) const;
  void Forget(const grpc::ServerContextBase* call);

  const Admission* const admission_;
  const std::unique_ptr<grpc::CallbackGenericService> unknown_methods_;
  mutable absl::Mutex mu_;
  std::set<const grpc::ServerContextBase*> served_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::gateway
