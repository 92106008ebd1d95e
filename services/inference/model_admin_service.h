#pragma once

#include "hadal/internal/v1/model_admin.grpc.pb.h"
#include "services/inference/model_host.h"

namespace hadal::inference_service {

/// hadal.internal.v1.ModelAdmin over a ModelHost. The gateway alone may call it; that is checked
/// here, because the retriever may call the port's other service. Thread-safe.
class ModelAdminService final : public internal::v1::ModelAdmin::Service {
 public:
  /// `host` outlives it.
  explicit ModelAdminService(ModelHost* host) : host_(host) {}

  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status ImportModel(grpc::ServerContext* context,
                           const internal::v1::ImportModelRequest* request,
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
  /// The model as List() has it; NOT_FOUND when it went meanwhile.
  Status Show(const std::string& id, v1::Model& model) const;

  ModelHost* const host_;
};

}  // namespace hadal::inference_service
