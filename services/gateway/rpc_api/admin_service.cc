#include "services/gateway/rpc_api/admin_service.h"

#include <utility>

#include "auth/actions.h"
#include "services/gateway/version.h"

namespace hadal::gateway {
namespace {

namespace actions = auth::actions;

v1::User PublicUser(const store::v1::UserRecord& record) {
  v1::User user;
  user.set_id(record.id());
  user.set_clearance(record.clearance());
  *user.mutable_compartments() = record.compartments();
  *user.mutable_groups() = record.groups();
  *user.mutable_roles() = record.roles();
  user.set_disabled(record.disabled());
  user.set_created_unix_ms(record.created_unix_ms());
  return user;
}

store::v1::UserRecord StoredUser(const v1::User& user) {
  store::v1::UserRecord record;
  record.set_id(user.id());
  record.set_clearance(user.clearance());
  *record.mutable_compartments() = user.compartments();
  *record.mutable_groups() = user.groups();
  *record.mutable_roles() = user.roles();
  if (record.roles().empty()) record.add_roles("user");
  return record;
}

// Without the digest.
v1::Key PublicKey(const store::v1::KeyRecord& record) {
  v1::Key key;
  key.set_id(record.id());
  key.set_user_id(record.user_id());
  key.set_revoked(record.revoked());
  key.set_created_unix_ms(record.created_unix_ms());
  key.set_expires_unix_ms(record.expires_unix_ms());
  return key;
}

v1::Role PublicRole(const store::v1::RoleRecord& record, bool built_in) {
  v1::Role role;
  role.set_id(record.id());
  *role.mutable_permissions() = record.permissions();
  role.set_built_in(built_in);
  return role;
}

}  // namespace

void AdminService::SetEndpoints(const std::string& grpc_address, const std::string& https_address) {
  grpc_address_ = grpc_address;
  https_address_ = https_address;
}

grpc::Status AdminService::CreateUser(grpc::ServerContext* context,
                                      const v1::CreateUserRequest* request, v1::User* response) {
  return Serve(environment_, context, "hadal.v1.Admin/CreateUser", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kUserCreate, request->user().id()));
                 ASSIGN_OR_RETURN(const store::v1::UserRecord user,
                                  deps_.identities->CreateUser(StoredUser(request->user())));
                 *response = PublicUser(user);
                 return OkStatus();
               });
}

grpc::Status AdminService::ListUsers(grpc::ServerContext* context,
                                     const v1::ListUsersRequest* request,
                                     v1::ListUsersResponse* response) {
  return Serve(environment_, context, "hadal.v1.Admin/ListUsers", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kUserList, ""));
                 for (const store::v1::UserRecord& user : deps_.identities->ListUsers()) {
                   *response->add_users() = PublicUser(user);
                 }
                 return OkStatus();
               });
}

grpc::Status AdminService::RevokeUser(grpc::ServerContext* context,
                                      const v1::RevokeUserRequest* request, v1::User* response) {
  return Serve(environment_, context, "hadal.v1.Admin/RevokeUser", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kUserRevoke, request->id()));
                 ASSIGN_OR_RETURN(const store::v1::UserRecord user,
                                  deps_.identities->RevokeUser(request->id()));
                 *response = PublicUser(user);
                 return OkStatus();
               });
}

grpc::Status AdminService::CreateKey(grpc::ServerContext* context,
                                     const v1::CreateKeyRequest* request,
                                     v1::CreateKeyResponse* response) {
  return Serve(environment_, context, "hadal.v1.Admin/CreateKey", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKeyCreate, request->user_id()));
                 ASSIGN_OR_RETURN(
                     const auth::NewKey key,
                     deps_.identities->CreateKey(request->user_id(), request->expires_unix_ms()));
                 (*admitted.record().mutable_attributes())["key_id"] = key.record.id();
                 *response->mutable_key() = PublicKey(key.record);
                 response->set_secret(key.secret);
                 return OkStatus();
               });
}

grpc::Status AdminService::ListKeys(grpc::ServerContext* context,
                                    const v1::ListKeysRequest* request,
                                    v1::ListKeysResponse* response) {
  return Serve(
      environment_, context, "hadal.v1.Admin/ListKeys", request,
      [&](RequestContext& admitted, CallScope&) -> Status {
        RETURN_IF_ERROR(admitted.Authorize(actions::kKeyList, request->user_id()));
        for (const store::v1::KeyRecord& key : deps_.identities->ListKeys(request->user_id())) {
          *response->add_keys() = PublicKey(key);
        }
        return OkStatus();
      });
}

grpc::Status AdminService::RevokeKey(grpc::ServerContext* context,
                                     const v1::RevokeKeyRequest* request, v1::Key* response) {
  return Serve(environment_, context, "hadal.v1.Admin/RevokeKey", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kKeyRevoke, request->id()));
                 ASSIGN_OR_RETURN(const store::v1::KeyRecord key,
                                  deps_.identities->RevokeKey(request->id()));
                 *response = PublicKey(key);
                 return OkStatus();
               });
}

grpc::Status AdminService::CreateRole(grpc::ServerContext* context,
                                      const v1::CreateRoleRequest* request, v1::Role* response) {
  return Serve(environment_, context, "hadal.v1.Admin/CreateRole", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kRoleCreate, request->role().id()));
                 store::v1::RoleRecord role;
                 role.set_id(request->role().id());
                 *role.mutable_permissions() = request->role().permissions();
                 ASSIGN_OR_RETURN(role, deps_.identities->CreateRole(role));
                 *response = PublicRole(role, false);
                 return OkStatus();
               });
}

grpc::Status AdminService::ListRoles(grpc::ServerContext* context,
                                     const v1::ListRolesRequest* request,
                                     v1::ListRolesResponse* response) {
  return Serve(environment_, context, "hadal.v1.Admin/ListRoles", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kRoleList, ""));
                 for (const auto& [role, built_in] : deps_.identities->ListRoles()) {
                   *response->add_roles() = PublicRole(role, built_in);
                 }
                 return OkStatus();
               });
}

grpc::Status AdminService::RevokeRole(grpc::ServerContext* context,
                                      const v1::RevokeRoleRequest* request,
                                      v1::RevokeRoleResponse*) {
  return Serve(environment_, context, "hadal.v1.Admin/RevokeRole", request,
               [&](RequestContext& admitted, CallScope&) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kRoleRevoke, request->id()));
                 return deps_.identities->RevokeRole(request->id());
               });
}

grpc::Status AdminService::GetStatus(grpc::ServerContext* context,
                                     const v1::GetStatusRequest* request,
                                     v1::GetStatusResponse* response) {
  return Serve(environment_, context, "hadal.v1.Admin/GetStatus", request,
               [&](RequestContext& admitted, CallScope& scope) -> Status {
                 RETURN_IF_ERROR(admitted.Authorize(actions::kStatusRead, ""));
                 FillStatus(scope, *response);
                 return OkStatus();
               });
}

void AdminService::FillStatus(CallScope& scope, v1::GetStatusResponse& response) const {
  v1::ServiceStatus& gateway = *response.add_services();
  gateway.set_name("gateway");
  gateway.set_ready(true);
  gateway.set_endpoint(grpc_address_);
  gateway.set_detail("https://" + https_address_);
  bool ready = true;
  for (const HealthProbe* probe : deps_.services) {
    const Status health = probe->Check(scope);
    v1::ServiceStatus& service = *response.add_services();
    service.set_name(probe->name());
    service.set_endpoint(probe->address());
    service.set_ready(health.ok());
    service.set_detail(health.ok() ? "serving" : StatusMessage(health));
    ready = ready && health.ok();
  }
  if (const auto models = deps_.inference->ListModels(scope); models.ok()) {
    for (const v1::Model& model : models->models()) response.add_models(model.id());
  } else {
    ready = false;
  }
  response.set_ready(ready);
  response.set_version(kVersion);
}

}  // namespace hadal::gateway
