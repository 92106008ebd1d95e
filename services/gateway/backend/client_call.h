#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "base/status.h"
#include "services/gateway/backend/call_scope.h"

namespace hadal::gateway {

/// A call to another service on behalf of a public request: has its deadline, and is cancelled with
/// it. Included by backend/*.cc only.
class ClientCall {
 public:
  explicit ClientCall(CallScope& scope);
  grpc::ClientContext* context() { return context_.get(); }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  CallScope::Attachment attachment_;  // after the context: detached before it is destroyed
};

/// What `service` answered, as the caller of the gateway may see it: the status as it is, but for
/// UNAVAILABLE, whose message names internal addresses; that goes to the log.
Status BackendStatus(const char* service, const grpc::Status& status);

}  // namespace hadal::gateway
