#include "services/inference/model_admin_service.h"

#include <utility>

#include "services/inference/model_description.h"
#include "services/rpc/status.h"
#include "services/rpc/tls.h"

namespace hadal::inference_service {
namespace {

constexpr int32_t kDefaultGraceSeconds = 30;
constexpr int32_t kMaxGraceSeconds = 3600;

Status CheckCaller(const grpc::ServerContext& context) {
  const auto auth = context.auth_context();
  for (const grpc::string_ref& name : auth->FindPropertyValues("x509_common_name")) {
    if (std::string_view(name.data(), name.size()) == rpc::PeerName("gateway")) return OkStatus();
  }
  return PermissionDenied("models are administered through the gateway only");
}

}  // namespace

grpc::Status ModelAdminService::ListModels(grpc::ServerContext* context,
                                           const v1::ListModelsRequest*,
                                           v1::ListModelsResponse* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    *response = host_->List();
    return OkStatus();
  };
  return rpc::ToGrpc(run());
}

grpc::Status ModelAdminService::ImportModel(grpc::ServerContext* context,
                                            const internal::v1::ImportModelRequest* request,
                                            v1::ImportModelResponse* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    ASSIGN_OR_RETURN(const model_store::ImportResult result,
                     host_->Import(request->request(), request->imported_by(),
                                   [context] { return context->IsCancelled(); }));
    AddManifest(result.manifest, *response->mutable_model());
    response->mutable_model()->set_state("imported");
    response->set_copied_bytes(result.copied_bytes);
    response->set_resumed_bytes(result.resumed_bytes);
    return OkStatus();
  };
  return rpc::ToGrpc(run());
}

grpc::Status ModelAdminService::VerifyModel(grpc::ServerContext* context,
                                            const v1::VerifyModelRequest* request,
                                            v1::VerifyModelResponse* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    ASSIGN_OR_RETURN(const auto files,
                     host_->Verify(request->id(), [context] { return context->IsCancelled(); }));
    response->set_ok(true);
    for (const model_store::CheckedFile& checked : files) {
      v1::VerifiedFile& file = *response->add_files();
      file.set_name(checked.name);
      file.set_size_bytes(checked.size_bytes);
      file.set_problem(checked.problem);
      if (!checked.problem.empty()) response->set_ok(false);
    }
    return OkStatus();
  };
  return rpc::ToGrpc(run());
}

grpc::Status ModelAdminService::LoadModel(grpc::ServerContext* context,
                                          const v1::LoadModelRequest* request,
                                          v1::Model* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    RETURN_IF_ERROR(host_->Load(request->id(), request->draft()));
    return Show(request->id(), *response);
  };
  return rpc::ToGrpc(run());
}

grpc::Status ModelAdminService::UnloadModel(grpc::ServerContext* context,
                                            const v1::UnloadModelRequest* request,
                                            v1::Model* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    const int32_t grace =
        request->has_grace_seconds() ? request->grace_seconds() : kDefaultGraceSeconds;
    if (grace < 0 || grace > kMaxGraceSeconds) {
      return InvalidArgument("grace_seconds is {}; it must be 0 to {}", grace, kMaxGraceSeconds);
    }
    RETURN_IF_ERROR(host_->Unload(request->id(), absl::Seconds(grace)));
    return Show(request->id(), *response);
  };
  return rpc::ToGrpc(run());
}

grpc::Status ModelAdminService::RemoveModel(grpc::ServerContext* context,
                                            const v1::RemoveModelRequest* request,
                                            v1::RemoveModelResponse* response) {
  const auto run = [&]() -> Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    ASSIGN_OR_RETURN(const int64_t freed, host_->Remove(request->id()));
    response->set_freed_bytes(freed);
    return OkStatus();
  };
  return rpc::ToGrpc(run());
}

Status ModelAdminService::Show(const std::string& id, v1::Model& model) const {
  v1::ListModelsResponse all = host_->List();
  for (v1::Model& other : *all.mutable_models()) {
    if (other.id() != id) continue;
    model = std::move(other);
    return OkStatus();
  }
  return NotFound("the model {} is not there any more", id);
}

}  // namespace hadal::inference_service
