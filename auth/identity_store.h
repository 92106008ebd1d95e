#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "auth/authorizer.h"
#include "base/clock.h"
#include "base/status.h"
#include "hadal/store/v1/identity.pb.h"

namespace hadal::auth {

/// A key just made: the record, and the secret that is shown once and kept nowhere.
struct NewKey {
  store::v1::KeyRecord record;
  std::string secret;
};

/// Users, roles and API keys, durable before a call returns. A change holds from the next
/// Authenticate() or Check() on. Thread-safe.
class IdentityStore : public Authenticator, public Authorizer {
 public:
  /// `folder` is created when absent, with mode 0700; the key-digest key is made at first use.
  static StatusOr<std::unique_ptr<IdentityStore>> Open(const std::string& folder,
                                                       std::shared_ptr<const Clock> clock);

  virtual StatusOr<store::v1::UserRecord> CreateUser(const store::v1::UserRecord& user) = 0;
  virtual std::vector<store::v1::UserRecord> ListUsers() const = 0;
  virtual StatusOr<store::v1::UserRecord> RevokeUser(const std::string& id) = 0;
  virtual StatusOr<NewKey> CreateKey(const std::string& user_id, int64_t expires_unix_ms) = 0;
  virtual std::vector<store::v1::KeyRecord> ListKeys(const std::string& user_id) const = 0;
  virtual StatusOr<store::v1::KeyRecord> RevokeKey(const std::string& id) = 0;
  virtual StatusOr<store::v1::RoleRecord> CreateRole(const store::v1::RoleRecord& role) = 0;
  /// Built-in roles first. second: built in.
  virtual std::vector<std::pair<store::v1::RoleRecord, bool>> ListRoles() const = 0;
  virtual Status RevokeRole(const std::string& id) = 0;
};

}  // namespace hadal::auth
