#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authorizer.h"
#include "base/status.h"
#include "hadal/store/v1/identity.pb.h"

namespace hadal::auth {

using RoleMap = std::map<std::string, store::v1::RoleRecord, std::less<>>;

inline constexpr std::string_view kAdminRole = "admin";
inline constexpr std::string_view kUserRole = "user";

/// admin, auditor, curator, user; see auth/README.md.
const std::vector<store::v1::RoleRecord>& BuiltInRoles();
bool IsBuiltInRole(std::string_view id);

/// INVALID_ARGUMENT unless every permission is an action of auth/actions.h or "<area>.*" of one.
Status CheckPermissions(const store::v1::RoleRecord& role);

/// Deny by default: allowed when a role the principal holds, and which exists in `custom_roles` or
/// is built in, grants `action`. An action outside auth/actions.h is denied to everyone.
Decision Decide(const RoleMap& custom_roles, const Principal& principal, std::string_view action,
                std::string_view resource);

}  // namespace hadal::auth
