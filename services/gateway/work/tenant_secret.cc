#include "services/gateway/work/tenant_secret.h"

#include "auth/crypto/digest.h"
#include "auth/crypto/secret_file.h"

namespace hadal::gateway {
namespace {

constexpr size_t kSecretBytes = 32;

}  // namespace

StatusOr<std::unique_ptr<TenantSecret>> TenantSecret::Open(const std::string& path) {
  StatusOr<auth::Secret> secret = auth::ReadSecretFile(path);
  if (secret.status().code() == StatusCode::kNotFound) {
    secret = auth::RandomSecret(kSecretBytes);
    if (secret.ok()) RETURN_IF_ERROR(auth::WriteSecretFile(path, *secret));
  }
  if (!secret.ok()) return secret.status();
  if (secret->size() != kSecretBytes) {
    return DataLoss("{}: expected {} bytes, found {}; remove it (only cached prefixes are lost)",
                    path, kSecretBytes, secret->size());
  }
  return std::unique_ptr<TenantSecret>(new TenantSecret(*std::move(secret)));
}

std::string TenantSecret::NamespaceOf(std::string_view user_id) const {
  return auth::HmacSha256(secret_.Reveal(), user_id);
}

}  // namespace hadal::gateway
