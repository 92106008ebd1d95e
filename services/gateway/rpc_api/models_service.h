#pragma once

#include "hadal/v1/models.grpc.pb.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/backend/model_admin_client.h"
#include "services/gateway/rpc_api/serve.h"

namespace hadal::gateway {

/// hadal.v1.Models. Whoever may list the store sees every model, others those that are served.
/// Thread-safe.
class ModelsService final : public v1::Models::Service {
 public:
  ModelsService(const ServeEnvironment& environment, const InferenceClient* inference,
                const ModelAdminClient* models, int32_t max_texts);

  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;
  grpc::Status ImportModel(grpc::ServerContext* context, const v1::ImportModelRequest* request,
                           v1::ImportModelResponse* response) override;
  grpc::Status VerifyModel(grpc::ServerContext* context, const v1::VerifyModelRequest* request,
                           v1::VerifyModelResponse* response) override;
  grpc::Status LoadModel(grpc::ServerContext* context, const v1::LoadModelRequest* request,
                         v1::Model* response) override;
  grpc::Status UnloadModel(grpc::ServerContext* context, const v1::UnloadModelRequest* request,
                           v1::Model* response) override;
  grpc::Status RemoveModel(grpc::ServerContext* context, const v1::RemoveModelRequest* request,
                           v1::RemoveModelResponse* response) override;

 private:
  StatusOr<v1::ListModelsResponse> VisibleModels(RequestContext& admitted, CallScope& scope) const;

  const ServeEnvironment environment_;
  const ServeEnvironment long_environment_;  ///< of calls that take as long as a model is large
  const InferenceClient* const inference_;
  const ModelAdminClient* const models_;
  const int32_t max_texts_;
};

}  // namespace hadal::gateway
