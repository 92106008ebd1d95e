#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::gateway {

/// Derives the prefix-cache namespace of a user, so that no user's timing shows another's prompts
/// and no client can choose a namespace. Thread-safe (const).
class TenantSecret {
 public:
  /// Reads `path` (32 bytes, mode 0600), making it at first use. DATA_LOSS when it is damaged.
  static StatusOr<std::unique_ptr<TenantSecret>> Open(const std::string& path);

  /// HMAC-SHA-256 of the user id under the secret: 32 bytes.
  std::string NamespaceOf(std::string_view user_id) const;

 private:
  explicit TenantSecret(auth::Secret secret) : secret_(std::move(secret)) {}
  const auth::Secret secret_;
};

}  // namespace hadal::gateway
