#include "services/gateway/rpc_api/serve.h"

#include <algorithm>
#include <memory>

#include "services/gateway/filters/digest.h"
#include "services/gateway/rpc_api/record_guard.h"
#include "services/rpc/status.h"

namespace hadal::gateway {
namespace {

/// Reading a terabyte from a slow disk, with room.
constexpr absl::Duration kLongestCall = absl::Hours(24);

}  // namespace

ServeEnvironment ForLongCalls(ServeEnvironment environment) {
  environment.max_request_time = kLongestCall;
  return environment;
}

RequestHead HeadOf(const char* method, const grpc::ServerContextBase& context) {
  RequestHead head{.method = method, .peer = context.peer()};
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (std::distance(first, last) == 1) {
    head.authorization = std::string(first->second.data(), first->second.size());
  }
  return head;
}

grpc::Status Serve(const ServeEnvironment& environment, grpc::ServerContext* context,
                   const char* method, const google::protobuf::MessageLite* message,
                   const std::function<Status(RequestContext&, CallScope&)>& handler) {
  environment.guard->MarkServed(context);
  const std::unique_ptr<RequestContext> request =
      environment.admission->Open(HeadOf(method, *context));
  if (message != nullptr) request->record().set_request_sha256(DigestOf(*message));
  CallScope scope(
      std::min(absl::FromChrono(context->deadline()), absl::Now() + environment.max_request_time),
      context);
  Status status = request->admitted();
  if (status.ok()) status = handler(*request, scope);
  if (!request->closed()) status = request->Finish(status);
  context->AddTrailingMetadata("x-request-id", request->request_id());
  if (request->retry_after() > absl::ZeroDuration()) {
    context->AddTrailingMetadata("retry-after",
                                 std::to_string(absl::ToInt64Seconds(request->retry_after())));
  }
  return rpc::ToGrpc(status);
}

}  // namespace hadal::gateway
