#pragma once

#include <string>
#include <vector>

#include "auth/identity_store.h"
#include "hadal/v1/admin.grpc.pb.h"
#include "services/gateway/backend/health_probe.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/rpc_api/serve.h"

namespace hadal::gateway {

/// hadal.v1.Admin. A change holds from the next request on. Thread-safe.
class AdminService final : public v1::Admin::Service {
 public:
  struct Dependencies {
    auth::IdentityStore* identities = nullptr;
    const InferenceClient* inference = nullptr;
    std::vector<const HealthProbe*> services;
  };
  AdminService(const ServeEnvironment& environment, Dependencies dependencies)
      : environment_(environment), deps_(std::move(dependencies)) {}
  /// The gateway's own endpoints, known once it listens; before the first call is served.
  void SetEndpoints(const std::string& grpc_address, const std::string& https_address);

  grpc::Status CreateUser(grpc::ServerContext* context, const v1::CreateUserRequest* request,
                          v1::User* response) override;
  grpc::Status ListUsers(grpc::ServerContext* context, const v1::ListUsersRequest* request,
                         v1::ListUsersResponse* response) override;
  grpc::Status RevokeUser(grpc::ServerContext* context, const v1::RevokeUserRequest* request,
                          v1::User* response) override;
  grpc::Status CreateKey(grpc::ServerContext* context, const v1::CreateKeyRequest* request,
                         v1::CreateKeyResponse* response) override;
  grpc::Status ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status RevokeKey(grpc::ServerContext* context, const v1::RevokeKeyRequest* request,
                         v1::Key* response) override;
  grpc::Status CreateRole(grpc::ServerContext* context, const v1::CreateRoleRequest* request,
                          v1::Role* response) override;
  grpc::Status ListRoles(grpc::ServerContext* context, const v1::ListRolesRequest* request,
                         v1::ListRolesResponse* response) override;
  grpc::Status RevokeRole(grpc::ServerContext* context, const v1::RevokeRoleRequest* request,
                          v1::RevokeRoleResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;

 private:
  void FillStatus(CallScope& scope, v1::GetStatusResponse& response) const;

  const ServeEnvironment environment_;
  const Dependencies deps_;
  std::string grpc_address_;
  std::string https_address_;
};

}  // namespace hadal::gateway
