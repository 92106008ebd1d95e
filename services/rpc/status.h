#pragma once

#include <grpcpp/support/status.h>

#include "base/status.h"

/// absl::Status and grpc::Status have the same codes; this is the one place that maps them.
namespace hadal::rpc {

grpc::Status ToGrpc(const Status& status);
Status FromGrpc(const grpc::Status& status);

}  // namespace hadal::rpc
