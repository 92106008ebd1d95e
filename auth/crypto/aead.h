#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "auth/crypto/secret.h"
#include "base/status.h"

/// Authenticated encryption with associated data. Who seals must never use a nonce twice with one
/// key: `sealed_value.h` and `master_key.h` choose nonces, nobody else needs this header.
namespace hadal::auth {

/// The numbers stand on disk.
enum class AeadAlgorithm : uint8_t {
  kAes256Gcm = 1,  ///< NIST SP 800-38D, 32-byte key; OpenSSL
  kSm4Gcm = 2,     ///< RFC 8998, 16-byte key; libgcrypt (OpenSSL 3.0 has none)
};

inline constexpr size_t kAeadNonceBytes = 12;
inline constexpr size_t kAeadTagBytes = 16;
/// Far above any value of ours, far below what GCM allows for one nonce (2^36 - 32).
inline constexpr size_t kMaxAeadBytes = size_t{64} << 20;

/// "AES-256-GCM", "SM4-GCM".
std::string_view AeadName(AeadAlgorithm algorithm);
size_t AeadKeyBytes(AeadAlgorithm algorithm);
/// INVALID_ARGUMENT, naming those there are, for a number that is none.
StatusOr<AeadAlgorithm> AeadFromNumber(uint8_t number);

/// One key of one algorithm. Thread-safe.
class Aead {
 public:
  /// INVALID_ARGUMENT when the key has another length than the algorithm wants; UNAVAILABLE when
  /// the library lacks the algorithm.
  static StatusOr<std::unique_ptr<Aead>> Create(AeadAlgorithm algorithm, const Secret& key);
  virtual ~Aead() = default;

  /// Appends ciphertext and tag to `out`: plaintext.size() + 16 bytes. `nonce` has 12 bytes.
  /// INVALID_ARGUMENT above 64 MiB.
  Status Seal(std::string_view nonce, std::string_view associated, std::string_view plaintext,
              std::string& out) const;
  /// Appends the plaintext. DATA_LOSS, with nothing appended, unless nonce, associated data and
  /// `sealed` are those of one Seal() under this key.
  Status Open(std::string_view nonce, std::string_view associated, std::string_view sealed,
              std::string& out) const;

 protected:
  /// `out` has room for plaintext and tag.
  virtual Status Encrypt(std::string_view nonce, std::string_view associated,
                         std::string_view plaintext, char* out) const = 0;
  /// `out` has room for the ciphertext's length. False when the tag does not fit.
  virtual StatusOr<bool> Decrypt(std::string_view nonce, std::string_view associated,
                                 std::string_view ciphertext, std::string_view tag,
                                 char* out) const = 0;
};

}  // namespace hadal::auth
