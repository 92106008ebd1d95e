#pragma once

#include <string_view>

#include "base/status.h"
#include "hadal/store/v1/identity.pb.h"

namespace hadal::auth {

/// INVALID_ARGUMENT unless `id` is [A-Za-z0-9._@-]{1,64}; `what` names it in the message.
Status CheckId(std::string_view what, std::string_view id);

/// Id, clearance given, compartments and groups well-formed and at most 64 each. Does not look at
/// the roles: whether they exist is the store's to say.
Status CheckUser(const store::v1::UserRecord& user);

}  // namespace hadal::auth
