#include "services/gateway/backend/model_admin_client.h"

#include <grpcpp/channel.h>

#include <utility>

#include "hadal/internal/v1/model_admin.grpc.pb.h"
#include "services/gateway/backend/client_call.h"

namespace hadal::gateway {
namespace {

using Admin = internal::v1::ModelAdmin;

template <typename Request, typename Response>
StatusOr<Response> Call(Admin::Stub& stub, CallScope& scope,
                        grpc::Status (Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                        const Request& request) {
  ClientCall call(scope);
  Response response;
  RETURN_IF_ERROR(BackendStatus("inference", (stub.*method)(call.context(), request, &response)));
  return response;
}

}  // namespace

struct ModelAdminClient::Stub {
  explicit Stub(std::shared_ptr<grpc::Channel> channel)
      : admin(Admin::NewStub(std::move(channel))) {}
  const std::unique_ptr<Admin::Stub> admin;
};

ModelAdminClient::ModelAdminClient(std::shared_ptr<grpc::Channel> channel)
    : stub_(std::make_unique<Stub>(std::move(channel))) {}
ModelAdminClient::~ModelAdminClient() = default;

StatusOr<v1::ListModelsResponse> ModelAdminClient::List(CallScope& scope) const {
  return Call(*stub_->admin, scope, &Admin::Stub::ListModels, v1::ListModelsRequest());
}

StatusOr<v1::ImportModelResponse> ModelAdminClient::Import(CallScope& scope,
                                                           const v1::ImportModelRequest& request,
                                                           const std::string& imported_by) const {
  internal::v1::ImportModelRequest named;
  *named.mutable_request() = request;
  named.set_imported_by(imported_by);
  return Call(*stub_->admin, scope, &Admin::Stub::ImportModel, named);
}

StatusOr<v1::VerifyModelResponse> ModelAdminClient::Verify(
    CallScope& scope, const v1::VerifyModelRequest& request) const {
  return Call(*stub_->admin, scope, &Admin::Stub::VerifyModel, request);
}

StatusOr<v1::Model> ModelAdminClient::Load(CallScope& scope,
                                           const v1::LoadModelRequest& request) const {
  return Call(*stub_->admin, scope, &Admin::Stub::LoadModel, request);
}

StatusOr<v1::Model> ModelAdminClient::Unload(CallScope& scope,
                                             const v1::UnloadModelRequest& request) const {
  return Call(*stub_->admin, scope, &Admin::Stub::UnloadModel, request);
}

StatusOr<v1::RemoveModelResponse> ModelAdminClient::Remove(
    CallScope& scope, const v1::RemoveModelRequest& request) const {
  return Call(*stub_->admin, scope, &Admin::Stub::RemoveModel, request);
}

}  // namespace hadal::gateway
