#include "services/gateway/rpc_api/models_service.h"

#include <utility>

#include "auth/actions.h"
#include "services/gateway/work/embed.h"

namespace hadal::gateway {
namespace {

void Note(RequestContext& admitted, const char* name, const std::string& value) {
  if (!value.empty()) (*admitted.record().mutable_attributes())[name] = value;
}

}  // namespace

ModelsService::ModelsService(const ServeEnvironment& environment, const InferenceClient* inference,
                             const ModelAdminClient* models, int32_t max_texts)
    : environment_(environment),
      long_environment_(ForLongCalls(environment)),
      inference_(inference),
      models_(models),
      max_texts_(max_texts) {}

StatusOr<v1::ListModelsResponse> ModelsService::VisibleModels(RequestContext& admitted,
                                                              CallScope& scope) const {
  StatusOr<v1::ListModelsResponse> served = inference_->ListModels(scope);
  if (!admitted.Permitted(auth::actions::kModelStoreList, "")) return served;
  // Also while the first models load, when none is served yet.
  ASSIGN_OR_RETURN(v1::ListModelsResponse all, models_->List(scope));
  if (!served.ok()) return all;
  for (v1::Model& model : *all.mutable_models()) {
    if (!model.sha256().empty()) continue;
    for (const v1::Model& other : served->models()) {  // digests of what was not imported
      if (other.id() == model.id()) model.set_sha256(other.sha256());
    }
  }
  return all;
}

grpc::Status ModelsService::ListModels(grpc::ServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) {
  return Serve(environment_, context, "hadal.v1.Models/ListModels", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(auth::actions::kModelList, ""));
                 ASSIGN_OR_RETURN(*response, VisibleModels(admitted, scope));
                 return OkStatus();
               });
}

grpc::Status ModelsService::GetModel(grpc::ServerContext* context,
                                     const v1::GetModelRequest* request, v1::Model* response) {
  return Serve(environment_, context, "hadal.v1.Models/GetModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(auth::actions::kModelList, request->id()));
                 if (request->id().empty()) return InvalidArgument("the model's id is empty");
                 ASSIGN_OR_RETURN(v1::ListModelsResponse visible, VisibleModels(admitted, scope));
                 for (v1::Model& model : *visible.mutable_models()) {
                   if (model.id() != request->id()) continue;
                   *response = std::move(model);
                   return OkStatus();
                 }
                 return inference_->FindModel(scope, request->id(), "").status();
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

grpc::Status ModelsService::ImportModel(grpc::ServerContext* context,
                                        const v1::ImportModelRequest* request,
                                        v1::ImportModelResponse* response) {
  return Serve(long_environment_, context, "hadal.v1.Models/ImportModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 Note(admitted, "source", request->source());
                 RETURN_IF_ERROR(
                     admitted.Authorize(auth::actions::kModelStoreImport, request->id()));
                 ASSIGN_OR_RETURN(
                     *response, models_->Import(scope, *request, admitted.principal().user_id));
                 Note(admitted, "model", response->model().id());
                 Note(admitted, "model_sha256", response->model().sha256());
                 return OkStatus();
               });
}

grpc::Status ModelsService::VerifyModel(grpc::ServerContext* context,
                                        const v1::VerifyModelRequest* request,
                                        v1::VerifyModelResponse* response) {
  return Serve(long_environment_, context, "hadal.v1.Models/VerifyModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(
                     admitted.Authorize(auth::actions::kModelStoreVerify, request->id()));
                 ASSIGN_OR_RETURN(*response, models_->Verify(scope, *request));
                 Note(admitted, "verified", response->ok() ? "true" : "false");
                 return OkStatus();
               });
}

grpc::Status ModelsService::LoadModel(grpc::ServerContext* context,
                                      const v1::LoadModelRequest* request, v1::Model* response) {
  return Serve(long_environment_, context, "hadal.v1.Models/LoadModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 Note(admitted, "draft", request->draft());
                 RETURN_IF_ERROR(admitted.Authorize(auth::actions::kModelStoreLoad, request->id()));
                 ASSIGN_OR_RETURN(*response, models_->Load(scope, *request));
                 Note(admitted, "model_sha256", response->sha256());
                 return OkStatus();
               });
}

grpc::Status ModelsService::UnloadModel(grpc::ServerContext* context,
                                        const v1::UnloadModelRequest* request,
                                        v1::Model* response) {
  return Serve(long_environment_, context, "hadal.v1.Models/UnloadModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(
                     admitted.Authorize(auth::actions::kModelStoreUnload, request->id()));
                 ASSIGN_OR_RETURN(*response, models_->Unload(scope, *request));
                 return OkStatus();
               });
}

grpc::Status ModelsService::RemoveModel(grpc::ServerContext* context,
                                        const v1::RemoveModelRequest* request,
                                        v1::RemoveModelResponse* response) {
  return Serve(long_environment_, context, "hadal.v1.Models/RemoveModel", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(
                     admitted.Authorize(auth::actions::kModelStoreRemove, request->id()));
                 ASSIGN_OR_RETURN(*response, models_->Remove(scope, *request));
                 return OkStatus();
               });
}

}  // namespace hadal::gateway
