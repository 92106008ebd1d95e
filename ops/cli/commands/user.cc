#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hadal/v1/admin.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return {field.begin(), field.end()};
}

void Print(const Invocation& invocation, const std::vector<v1::User>& users, bool one) {
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::User& user : users) {
    json.push_back({{"id", user.id()},
                    {"clearance", ClassificationName(user.clearance())},
                    {"compartments", Strings(user.compartments())},
                    {"groups", Strings(user.groups())},
                    {"roles", Strings(user.roles())},
                    {"disabled", user.disabled()},
                    {"created_unix_ms", user.created_unix_ms()}});
    rows.push_back({user.id(), ClassificationName(user.clearance()),
                    JoinOrDash(Strings(user.compartments())), JoinOrDash(Strings(user.groups())),
                    JoinOrDash(Strings(user.roles())), user.disabled() ? "disabled" : "active"});
  }
  if (invocation.json) {
    PrintJson(one ? json[0] : nlohmann::json{{"users", json}});
  } else {
    PrintTable({"ID", "CLEARANCE", "COMPARTMENTS", "GROUPS", "ROLES", "STATE"}, rows);
  }
}

struct CreateOptions {
  std::string id, clearance;
  std::vector<std::string> compartments, groups, roles;
};

Status RunCreate(const Invocation& invocation, const CreateOptions& options) {
  v1::CreateUserRequest request;
  v1::User& user = *request.mutable_user();
  user.set_id(options.id);
  ASSIGN_OR_RETURN(const v1::Classification clearance, ParseClassification(options.clearance));
  user.set_clearance(clearance);
  user.mutable_compartments()->Assign(options.compartments.begin(), options.compartments.end());
  user.mutable_groups()->Assign(options.groups.begin(), options.groups.end());
  user.mutable_roles()->Assign(options.roles.begin(), options.roles.end());
  ASSIGN_OR_RETURN(const v1::User created,
                   Call<v1::Admin>(invocation, &v1::Admin::Stub::CreateUser, request));
  Print(invocation, {created}, true);
  return OkStatus();
}

Status RunLs(const Invocation& invocation) {
  ASSIGN_OR_RETURN(
      const v1::ListUsersResponse response,
      Call<v1::Admin>(invocation, &v1::Admin::Stub::ListUsers, v1::ListUsersRequest()));
  Print(invocation, {response.users().begin(), response.users().end()}, false);
  return OkStatus();
}

Status RunRevoke(const Invocation& invocation, const std::string& id) {
  v1::RevokeUserRequest request;
  request.set_id(id);
  ASSIGN_OR_RETURN(const v1::User revoked,
                   Call<v1::Admin>(invocation, &v1::Admin::Stub::RevokeUser, request));
  Print(invocation, {revoked}, true);
  return OkStatus();
}

}  // namespace

void AddUser(CLI::App& app, Invocation& invocation) {
  CLI::App* user = app.add_subcommand("user", "People and services that may ask");
  user->require_subcommand(1);

  auto options = std::make_shared<CreateOptions>();
  CLI::App* create = user->add_subcommand("create", "Add a user");
  create->add_option("ID", options->id)->required();
  create->add_option("--clearance", options->clearance, "Highest classification he may read")
      ->required()
      ->check(CLI::IsMember(ClassificationNames()));
  create->add_option("--compartment", options->compartments, "May be given more than once")
      ->allow_extra_args(false);
  create->add_option("--group", options->groups, "May be given more than once")
      ->allow_extra_args(false);
  create->add_option("--role", options->roles, "May be given more than once (default: user)")
      ->allow_extra_args(false);
  create->footer(
      "Example:\n  hadal user create li.wei --clearance internal --group operations --role user");
  create->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunCreate(invocation, *options); };
  });

  CLI::App* ls = user->add_subcommand("ls", "List users");
  ls->footer("Example:\n  hadal user ls");
  ls->callback([&invocation] { invocation.run = [&invocation] { return RunLs(invocation); }; });

  auto id = std::make_shared<std::string>();
  CLI::App* revoke = user->add_subcommand("revoke", "Disable a user and all his keys");
  revoke->add_option("ID", *id)->required();
  revoke->footer("Example:\n  hadal user revoke li.wei");
  revoke->callback([&invocation, id] {
    invocation.run = [&invocation, id] { return RunRevoke(invocation, *id); };
  });
}

}  // namespace hadal::cli
