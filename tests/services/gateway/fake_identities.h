#pragma once

#include <map>
#include <set>
#include <string>

#include "auth/authenticator.h"
#include "auth/authorizer.h"

namespace hadal::gateway::testing {

/// A fixed set of keys and permissions. Thread-safe once filled.
class FakeIdentities final : public auth::Authenticator, public auth::Authorizer {
 public:
  void Add(const std::string& key, const auth::Principal& principal,
           std::set<std::string> permissions) {
    principals_[key] = principal;
    permissions_[principal.user_id] = std::move(permissions);
  }
  StatusOr<auth::Principal> Authenticate(std::string_view api_key) const override {
    const auto found = principals_.find(std::string(api_key));
    if (found == principals_.end()) return Unauthenticated("the API key is not valid");
    return found->second;
  }
  auth::Decision Check(const auth::Principal& principal, std::string_view action,
                       std::string_view resource) const override {
    auth::Decision decision{.action = std::string(action), .resource = std::string(resource)};
    const auto found = permissions_.find(principal.user_id);
    decision.allowed = found != permissions_.end() && found->second.count(decision.action) > 0;
    if (decision.allowed) decision.determining.push_back("role:test:" + decision.action);
    decision.reason =
        decision.action + (decision.allowed ? " allowed" : " denied: no role grants it");
    return decision;
  }

 private:
  std::map<std::string, auth::Principal> principals_;
  std::map<std::string, std::set<std::string>> permissions_;
};

}  // namespace hadal::gateway::testing
