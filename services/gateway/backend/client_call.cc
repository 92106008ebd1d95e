#include "services/gateway/backend/client_call.h"

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

}  // namespace hadal::gateway
