#include "services/gateway/backend/health_probe.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/gateway/backend/client_call.h"
#include "services/rpc/status.h"

namespace hadal::gateway {
namespace {

constexpr absl::Duration kProbeTime = absl::Seconds(5);

}  // namespace

HealthProbe::HealthProbe(std::string name, std::string address,
                         std::shared_ptr<grpc::Channel> channel)
    : name_(std::move(name)), address_(std::move(address)), channel_(std::move(channel)) {}

Status HealthProbe::Check(CallScope& scope) const {
  namespace health = grpc::health::v1;
  ClientCall call(scope);
  const absl::Time deadline = std::min(scope.deadline(), absl::Now() + kProbeTime);
  call.context()->set_deadline(absl::ToChronoTime(deadline));
  health::HealthCheckResponse response;
  const Status status = rpc::FromGrpc(health::Health::NewStub(channel_)->Check(
      call.context(), health::HealthCheckRequest(), &response));
  if (!status.ok()) {
    return Unavailable("cannot be reached at {}: {}", address_, StatusMessage(status));
  }
  if (response.status() != health::HealthCheckResponse::SERVING) {
    return Unavailable("runs, and is not ready yet");
  }
  return OkStatus();
}

}  // namespace hadal::gateway
