#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"
#include "hadal/v1/models.pb.h"
#include "services/gateway/backend/call_scope.h"

namespace grpc {
class Channel;
}

namespace hadal::gateway {

/// hadal.internal.v1.Inference as the gateway calls it. Errors carry the service's own code; a
/// service that cannot be reached is UNAVAILABLE. Thread-safe.
class InferenceClient {
 public:
  explicit InferenceClient(std::shared_ptr<grpc::Channel> channel);
  ~InferenceClient();

  /// Takes each delta on the calling thread; returning false from it cancels the generation
  /// (CANCELLED). The result comes after the last delta. Both are of the choices asked for.
  using OnDelta = std::function<bool(const internal::v1::GenerateDelta&)>;
  StatusOr<internal::v1::GenerateResult> Generate(CallScope& scope,
                                                  const internal::v1::GenerateRequest& request,
                                                  const OnDelta& on_delta) const;
  StatusOr<v1::EmbedResponse> Embed(CallScope& scope, const v1::EmbedRequest& request) const;
  StatusOr<std::vector<int32_t>> CountTokens(CallScope& scope, const std::string& model,
                                             const std::vector<std::string>& texts) const;
  StatusOr<v1::ListModelsResponse> ListModels(CallScope& scope) const;

  /// The model `id` of `kind` ("chat", "embedding"; empty: any); with an empty id the first of that
  /// kind. Asked of the service each time: an audit record must name the bytes that answer now.
  /// NOT_FOUND with the ids there are.
  StatusOr<v1::Model> FindModel(CallScope& scope, const std::string& id,
                                const std::string& kind) const;

 private:
  struct Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace hadal::gateway
