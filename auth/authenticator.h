#pragma once

#include <string_view>

#include "auth/principal.h"
#include "base/status.h"

namespace hadal::auth {

/// Establishes who presents a credential. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// UNAUTHENTICATED, with one message for every cause so that nothing is learnt from it: unknown,
  /// malformed, revoked or expired key, disabled user. Digests are compared in constant time.
  virtual StatusOr<Principal> Authenticate(std::string_view api_key) const = 0;
};

}  // namespace hadal::auth
