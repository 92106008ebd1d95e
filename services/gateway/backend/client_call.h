#pragma once

#include <grpcpp/client_context.h>

#include <memory>

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

}  // namespace hadal::gateway
