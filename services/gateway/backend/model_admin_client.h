#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "hadal/v1/models.pb.h"
#include "services/gateway/backend/call_scope.h"

namespace grpc {
class Channel;
}

namespace hadal::gateway {

/// hadal.internal.v1.ModelAdmin as the gateway calls it, for callers it has authorised. Errors
/// carry the service's own code; a service that cannot be reached is UNAVAILABLE. Thread-safe.
class ModelAdminClient {
 public:
  explicit ModelAdminClient(std::shared_ptr<grpc::Channel> channel);
  ~ModelAdminClient();

  /// Every model there is, whatever its state.
  StatusOr<v1::ListModelsResponse> List(CallScope& scope) const;
  StatusOr<v1::ImportModelResponse> Import(CallScope& scope, const v1::ImportModelRequest& request,
                                           const std::string& imported_by) const;
  StatusOr<v1::VerifyModelResponse> Verify(CallScope& scope,
                                           const v1::VerifyModelRequest& request) const;
  StatusOr<v1::Model> Load(CallScope& scope, const v1::LoadModelRequest& request) const;
  StatusOr<v1::Model> Unload(CallScope& scope, const v1::UnloadModelRequest& request) const;
  StatusOr<v1::RemoveModelResponse> Remove(CallScope& scope,
                                           const v1::RemoveModelRequest& request) const;

 private:
  struct Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace hadal::gateway
