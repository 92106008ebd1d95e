#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "auth/crypto/secret.h"
#include "base/status.h"

struct evp_md_ctx_st;

/// Digests, message authentication and randomness. All of OpenSSL's use in auth/ is in auth/crypto.
/// Everything here is thread-safe unless it says otherwise.
namespace hadal::auth {

inline constexpr size_t kSha256Bytes = 32;
using Sha256Digest = std::array<uint8_t, kSha256Bytes>;

/// SHA-256 (FIPS 180-4) of `data`, 32 raw bytes.
std::string Sha256(std::string_view data);

/// The same without an allocation, over the concatenation of `prefix` and `data`.
Sha256Digest Sha256Of(std::string_view prefix, std::string_view data);

/// The digest's raw bytes as text.
inline std::string_view AsBytes(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// SHA-256 of a stream. Thread-compatible.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  void Update(std::string_view data);
  /// 32 raw bytes; the hasher then starts anew.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// HMAC-SHA-256 (RFC 2104), 32 raw bytes.
std::string HmacSha256(std::string_view key, std::string_view data);

/// HMAC-SM3 (GB/T 32905, GB/T 15852.2), 32 raw bytes.
std::string HmacSm3(std::string_view key, std::string_view data);

/// Equality in a time that depends on the lengths only.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

/// `size` bytes from the system's generator. UNAVAILABLE when it has none: the caller must then
/// give up, never fall back to another source.
StatusOr<Secret> RandomSecret(size_t size);
/// The same for values that are not secret (identifiers, serial numbers).
StatusOr<std::string> RandomBytes(size_t size);

}  // namespace hadal::auth
