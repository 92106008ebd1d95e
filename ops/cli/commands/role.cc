#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/admin.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

void Print(const Invocation& invocation, const std::vector<v1::Role>& roles, bool one) {
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::Role& role : roles) {
    const std::vector<std::string> permissions(role.permissions().begin(),
                                               role.permissions().end());
    json.push_back(
        {{"id", role.id()}, {"permissions", permissions}, {"built_in", role.built_in()}});
    rows.push_back({role.id(), role.built_in() ? "built in" : "own", JoinOrDash(permissions)});
  }
  if (invocation.json) {
    PrintJson(one ? json[0] : nlohmann::json{{"roles", json}});
  } else {
    PrintTable({"ID", "KIND", "PERMISSIONS"}, rows);
  }
}

}  // namespace

void AddRole(CLI::App& app, Invocation& invocation) {
  CLI::App* role = app.add_subcommand("role", "Sets of permissions that users have");
  role->require_subcommand(1);
  auto id = std::make_shared<std::string>();
  auto permissions = std::make_shared<std::vector<std::string>>();

  CLI::App* create = role->add_subcommand("create", "Make a role");
  create->add_option("ID", *id)->required();
  create->add_option("--permission", *permissions, "May be given more than once")
      ->allow_extra_args(false)
      ->required();
  create->footer("Example:\n  hadal role create reader --permission knowledge.search");
  create->callback([&invocation, id, permissions] {
    invocation.run = [&invocation, id, permissions]() -> Status {
      v1::CreateRoleRequest request;
      request.mutable_role()->set_id(*id);
      request.mutable_role()->mutable_permissions()->Assign(permissions->begin(),
                                                            permissions->end());
      ASSIGN_OR_RETURN(const v1::Role created,
                       Call<v1::Admin>(invocation, &v1::Admin::Stub::CreateRole, request));
      Print(invocation, {created}, true);
      return OkStatus();
    };
  });

  CLI::App* ls = role->add_subcommand("ls", "List roles with their permissions");
  ls->footer("Example:\n  hadal role ls");
  ls->callback([&invocation] {
    invocation.run = [&invocation]() -> Status {
      ASSIGN_OR_RETURN(
          const v1::ListRolesResponse response,
          Call<v1::Admin>(invocation, &v1::Admin::Stub::ListRoles, v1::ListRolesRequest()));
      Print(invocation, {response.roles().begin(), response.roles().end()}, false);
      return OkStatus();
    };
  });

  CLI::App* revoke = role->add_subcommand("revoke", "Remove a role; users keep their others");
  revoke->add_option("ID", *id)->required();
  revoke->footer("Example:\n  hadal role revoke reader");
  revoke->callback([&invocation, id] {
    invocation.run = [&invocation, id]() -> Status {
      v1::RevokeRoleRequest request;
      request.set_id(*id);
      const auto response = Call<v1::Admin>(invocation, &v1::Admin::Stub::RevokeRole, request);
      if (!response.ok()) return response.status();
      if (invocation.json) {
        PrintJson({{"id", *id}, {"revoked", true}});
      } else {
        std::printf("revoked  %s\n", Printable(*id).c_str());
      }
      return OkStatus();
    };
  });
}

}  // namespace hadal::cli
