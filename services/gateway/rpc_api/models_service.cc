#include "services/gateway/rpc_api/models_service.h"

#include "auth/actions.h"
#include "services/gateway/work/embed.h"

namespace hadal::gateway {

grpc::Status ModelsService::ListModels(grpc::ServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) {
  return Serve(environment_, context, "hadal.v1.Models/ListModels", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(auth::actions::kModelList, ""));
                 ASSIGN_OR_RETURN(*response, inference_->ListModels(scope));
                 return OkStatus();
               });
}

grpc::Status ModelsService::GetModel(grpc::ServerContext* context,
                                     const v1::GetModelRequest* request, v1::Model* response) {
  return Serve(environment_, context, "hadal.v1.Models/GetModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(auth::actions::kModelList, request->id()));
                 if (request->id().empty()) return InvalidArgument("the model's id is empty");
                 ASSIGN_OR_RETURN(*response, inference_->FindModel(scope, request->id(), ""));
                 return OkStatus();
               });
}

grpc::Status ModelsService::Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) {
  return Serve(environment_, context, "hadal.v1.Models/Embed", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 if (request->texts_size() == 0 || request->texts_size() > max_texts_) {
                   return InvalidArgument("expected 1 to {} texts, got {}", max_texts_,
                                          request->texts_size());
                 }
                 v1::Model model;
                 ASSIGN_OR_RETURN(*response,
                                  EmbedFor(admitted, scope, *inference_, *request, model));
                 return OkStatus();
               });
}

}  // namespace hadal::gateway
