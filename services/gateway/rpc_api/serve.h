#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <functional>

#include "absl/time/time.h"
#include "base/status.h"
#include "services/gateway/backend/call_scope.h"
#include "services/gateway/filters/admission.h"

namespace google::protobuf {
class MessageLite;
}

namespace hadal::gateway {

class RecordGuard;

/// What every public gRPC service is given. Everything outlives the services.
struct ServeEnvironment {
  const Admission* admission = nullptr;
  RecordGuard* guard = nullptr;
  absl::Duration max_request_time = absl::Minutes(10);  ///< also where the caller sets no deadline
};

/// The same for calls that take as long as what they work on is large: a day at most.
ServeEnvironment ForLongCalls(ServeEnvironment environment);

/// The head of a gRPC call: its peer and its one `authorization` value (none, or several, is
/// empty).
RequestHead HeadOf(const char* method, const grpc::ServerContextBase& context);

/// Takes one call through the filters to `handler` and to its record. The handler authorises, works
/// and fills the record; where it has not closed the request itself (it must, before it streams an
/// answer) that is done here, before the response leaves. `message`: the request, for its digest;
/// null for a client stream.
grpc::Status Serve(const ServeEnvironment& environment, grpc::ServerContext* context,
                   const char* method, const google::protobuf::MessageLite* message,
                   const std::function<Status(RequestContext&, CallScope&)>& handler);

}  // namespace hadal::gateway
