#include "services/rpc/health.h"

#include "absl/time/time.h"

namespace hadal::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A watch holds a server thread (the synchronous API), so there are few of them.
constexpr int kMaxWatches = 16;
// How soon a watch notices that its caller went away.
constexpr absl::Duration kWatchPoll = absl::Milliseconds(500);

}  // namespace

void HealthService::AddService(const std::string& name) {
  absl::MutexLock lock(&mu_);
  services_.emplace(name, services_[""]);
}

void HealthService::SetServing(bool serving) {
  absl::MutexLock lock(&mu_);
  for (auto& [name, status] : services_) status = serving;
}

void HealthService::Shutdown() {
  absl::MutexLock lock(&mu_);
  shutdown_ = true;
  for (auto& [name, status] : services_) status = false;
}

HealthService::ServingStatus HealthService::StatusOf(const std::string& name) {
  const auto found = services_.find(name);
  if (found == services_.end()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return found->second ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

grpc::Status HealthService::Check(grpc::ServerContext*, const HealthCheckRequest* request,
                                  HealthCheckResponse* response) {
  absl::MutexLock lock(&mu_);
  const ServingStatus status = StatusOf(request->service());
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service: " + request->service());
  }
  response->set_status(status);
  return grpc::Status::OK;
}

grpc::Status HealthService::Watch(grpc::ServerContext* context, const HealthCheckRequest* request,
                                  grpc::ServerWriter<HealthCheckResponse>* writer) {
  {
    absl::MutexLock lock(&mu_);
    if (watches_ >= kMaxWatches) {
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many health watches");
    }
    ++watches_;
  }
  int last = -1;
  bool ended = false;
  while (!ended && !context->IsCancelled()) {
    HealthCheckResponse response;
    {
      absl::MutexLock lock(&mu_);
      const auto changed = [this, &last, request]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return shutdown_ || StatusOf(request->service()) != last;
      };
      mu_.AwaitWithTimeout(absl::Condition(&changed), kWatchPoll);
      ended = shutdown_;
      response.set_status(StatusOf(request->service()));
    }
    if (response.status() != last) {
      last = response.status();
      if (!writer->Write(response)) break;
    }
  }
  absl::MutexLock lock(&mu_);
  --watches_;
  return ended ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down") : grpc::Status::OK;
}

}  // namespace hadal::rpc
