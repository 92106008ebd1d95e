#pragma once

#include "hadal/v1/models.grpc.pb.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/rpc_api/serve.h"

namespace hadal::gateway {

/// hadal.v1.Models. Thread-safe.
class ModelsService final : public v1::Models::Service {
 public:
  ModelsService(const ServeEnvironment& environment, const InferenceClient* inference,
                int32_t max_texts)
      : environment_(environment), inference_(inference), max_texts_(max_texts) {}

  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;

 private:
  const ServeEnvironment environment_;
  const InferenceClient* const inference_;
  const int32_t max_texts_;
};

}  // namespace hadal::gateway
