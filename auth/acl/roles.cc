#include "auth/acl/roles.h"

#include <algorithm>
#include <initializer_list>

#include "auth/actions.h"

namespace hadal::auth {
namespace {

store::v1::RoleRecord MakeRole(std::string_view id,
                               std::initializer_list<std::string_view> permissions) {
  store::v1::RoleRecord role;
  role.set_id(std::string(id));
  for (const std::string_view permission : permissions) {
    role.add_permissions(std::string(permission));
  }
  return role;
}

std::string_view AreaOf(std::string_view name) { return name.substr(0, name.find('.')); }

bool IsAction(std::string_view name) {
  return std::find(actions::kAll.begin(), actions::kAll.end(), name) != actions::kAll.end();
}

bool IsArea(std::string_view area) {
  return std::any_of(actions::kAll.begin(), actions::kAll.end(),
                     [area](std::string_view action) { return AreaOf(action) == area; });
}

bool Grants(std::string_view permission, std::string_view action) {
  if (permission == action) return true;
  return permission.ends_with(".*") && AreaOf(permission) == AreaOf(action) &&
         permission.size() == AreaOf(permission).size() + 2;
}

const store::v1::RoleRecord* FindRole(const RoleMap& custom_roles, std::string_view id) {
  for (const store::v1::RoleRecord& role : BuiltInRoles()) {
    if (role.id() == id) return &role;
  }
  const auto found = custom_roles.find(id);
  return found == custom_roles.end() ? nullptr : &found->second;
}

std::string Join(const std::vector<std::string>& items) {
  return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
}

}  // namespace

const std::vector<store::v1::RoleRecord>& BuiltInRoles() {
  static const auto* const roles = new std::vector<store::v1::RoleRecord>{
      MakeRole(kAdminRole,
               {"assistant.*", "model.*", "model_store.*", "knowledge.*", "knowledge_store.*",
                "user.*", "key.*", "role.*", "status.*", "audit.*"}),
      MakeRole("auditor", {"audit.*", actions::kStatusRead}),
      MakeRole("curator", {actions::kAssistantAsk, "model.*", "knowledge.*", actions::kStatusRead}),
      MakeRole(kUserRole, {actions::kAssistantAsk, "model.*", actions::kKnowledgeSearch,
                           actions::kKnowledgeList, actions::kStatusRead}),
  };
  return *roles;
}

bool IsBuiltInRole(std::string_view id) {
  const auto& roles = BuiltInRoles();
  return std::any_of(roles.begin(), roles.end(),
                     [id](const store::v1::RoleRecord& role) { return role.id() == id; });
}

Status CheckPermissions(const store::v1::RoleRecord& role) {
  if (role.permissions().empty()) {
    return InvalidArgument("role {} grants nothing: name at least one permission", role.id());
  }
  for (const std::string& permission : role.permissions()) {
    const bool whole_area = permission.ends_with(".*") &&
                            IsArea(std::string_view(permission).substr(0, permission.size() - 2));
    if (!whole_area && !IsAction(permission)) {
      return InvalidArgument("'{}' is no permission; expected one of {}, or <area>.*", permission,
                             fmt::join(actions::kAll, ", "));
    }
  }
  return OkStatus();
}

Decision Decide(const RoleMap& custom_roles, const Principal& principal, std::string_view action,
                std::string_view resource) {
  Decision decision{.action = std::string(action), .resource = std::string(resource)};
  if (!IsAction(action)) {
    decision.reason = fmt::format("denied: '{}' is not an action of this appliance", action);
    return decision;
  }
  for (const std::string& id : principal.roles) {
    const store::v1::RoleRecord* role = FindRole(custom_roles, id);
    if (role == nullptr) continue;
    for (const std::string& permission : role->permissions()) {
      if (!Grants(permission, action)) continue;
      decision.determining.push_back(fmt::format("role:{}:{}", id, permission));
      break;
    }
  }
  decision.allowed = !decision.determining.empty();
  decision.reason =
      decision.allowed
          ? fmt::format("{} allowed by {}", action, Join(decision.determining))
          : fmt::format("{} denied: no role of {} grants it (roles: {})", action,
                        principal.user_id.empty() ? "an unknown user" : principal.user_id,
                        Join(principal.roles));
  return decision;
}

}  // namespace hadal::auth
