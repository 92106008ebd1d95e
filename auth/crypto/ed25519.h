#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "auth/crypto/secret.h"
#include "base/status.h"

struct evp_pkey_st;

namespace hadal::auth {

inline constexpr size_t kEd25519PublicKeyBytes = 32;
inline constexpr size_t kEd25519SignatureBytes = 64;

/// An Ed25519 (RFC 8032) signing key. Thread-safe.
class Ed25519PrivateKey {
 public:
  static StatusOr<Ed25519PrivateKey> Generate();
  /// INVALID_ARGUMENT unless `pem` is exactly what ToPem() writes for an Ed25519 key: a changed
  /// byte anywhere in a key file is found.
  static StatusOr<Ed25519PrivateKey> FromPem(const Secret& pem);
  /// From a PEM file of mode 0600.
  static StatusOr<Ed25519PrivateKey> ReadPemFile(const std::string& path);
  Ed25519PrivateKey(Ed25519PrivateKey&&) noexcept;
  Ed25519PrivateKey& operator=(Ed25519PrivateKey&&) noexcept;
  ~Ed25519PrivateKey();

  /// PKCS#8 PEM.
  StatusOr<Secret> ToPem() const;
  Status WritePemFile(const std::string& path) const;
  /// 32 raw bytes.
  const std::string& public_key() const { return public_key_; }
  /// 64 raw bytes.
  StatusOr<std::string> Sign(std::string_view message) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  static StatusOr<Ed25519PrivateKey> FromKey(Key key);
  Ed25519PrivateKey(Key key, std::string public_key);

  Key key_;
  std::string public_key_;
};

/// True when `signature` is that of `message` under the raw `public_key`. Any malformed argument is
/// false.
bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature);

}  // namespace hadal::auth
