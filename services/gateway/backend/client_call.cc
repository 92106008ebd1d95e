#include "services/gateway/backend/client_call.h"

#include "base/log.h"
#include "services/rpc/status.h"

namespace hadal::gateway {
namespace {

std::unique_ptr<grpc::ClientContext> MakeContext(const CallScope& scope) {
  std::unique_ptr<grpc::ClientContext> context =
      scope.server_call() != nullptr ? grpc::ClientContext::FromServerContext(*scope.server_call())
                                     : std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(scope.deadline()));
  return context;
}

}  // namespace

ClientCall::ClientCall(CallScope& scope)
    : context_(MakeContext(scope)),
      attachment_(scope, [context = context_.get()] { context->TryCancel(); }) {}

Status BackendStatus(const char* service, const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return rpc::FromGrpc(status);
  LogWarning("{}: {}", service, status.error_message());
  return Unavailable(
      "the {} service is not available now; try again, and ask the administrator "
      "if it stays so",
      service);
}

}  // namespace hadal::gateway
