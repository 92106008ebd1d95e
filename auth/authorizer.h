#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.h"

namespace hadal::auth {

/// A decision that explains itself: never a bare bool.
struct Decision {
  bool allowed = false;
  std::string action;
  std::string resource;
  std::vector<std::string> determining;  ///< roles and rules that decided
  std::string reason;                    ///< for people and for the audit record
};

/// Decides whether a principal may do `action` ("knowledge.search", "user.create", ...; the list is
/// in auth/README.md). Deny by default; an unknown action or role denies. Thread-safe.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Decision Check(const Principal& principal, std::string_view action,
                         std::string_view resource) const = 0;
};

}  // namespace hadal::auth
