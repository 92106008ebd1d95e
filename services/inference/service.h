#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hadal/internal/v1/inference.grpc.pb.h"
#include "services/inference/foreground.h"
#include "services/inference/model_digests.h"
#include "services/inference/served_models.h"

namespace hadal::inference_service {

/// hadal.internal.v1.Inference over the models of this process. UNAVAILABLE until Serve().
/// Thread-safe.
class InferenceService final : public internal::v1::Inference::Service {
 public:
  /// From now on calls are answered. `digests` knows the path of every model.
  void Serve(std::shared_ptr<const ServedModels> models, std::shared_ptr<ModelDigests> digests);

  /// Streams until the model stops. A cancelled call or a passed deadline frees the sequence.
  grpc::Status Generate(grpc::ServerContext* context, const internal::v1::GenerateRequest* request,
                        grpc::ServerWriter<internal::v1::GenerateEvent>* writer) override;
  /// With background priority: after all other calls, a little at a time.
  grpc::Status Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;
  grpc::Status CountTokens(grpc::ServerContext* context,
                           const internal::v1::CountTokensRequest* request,
                           internal::v1::CountTokensResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;

 private:
  struct Serving {
    std::shared_ptr<const ServedModels> models;
    std::shared_ptr<ModelDigests> digests;
  };
  StatusOr<Serving> Current() const;

  Foreground foreground_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const ServedModels> models_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<ModelDigests> digests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::inference_service
