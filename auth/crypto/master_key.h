#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "auth/crypto/aead.h"
#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::auth {

/// The appliance's key, which encrypts ("wraps") data keys and nothing else. Thread-safe.
class MasterKey {
 public:
  virtual ~MasterKey() = default;

  /// 16 hexadecimal digits that tell master keys apart; derived from the key or, where it stays in
  /// a token, from its name there.
  const std::string& id() const { return id_; }
  /// Where it comes from, for messages.
  const std::string& source() const { return source_; }

  /// nonce | ciphertext | tag of a data key of `algorithm`, bound to `associated`. The nonce is
  /// random: a master key wraps thousands of keys in its life, not 2^32 (NIST SP 800-38D §8.3).
  virtual StatusOr<std::string> Wrap(AeadAlgorithm algorithm, std::string_view associated,
                                     const Secret& key) const = 0;
  /// DATA_LOSS unless `wrapped` was made by Wrap() with the same arguments; UNAVAILABLE when a
  /// token does not answer.
  virtual StatusOr<Secret> Unwrap(AeadAlgorithm algorithm, std::string_view associated,
                                  std::string_view wrapped) const = 0;

 protected:
  MasterKey(std::string id, std::string source) : id_(std::move(id)), source_(std::move(source)) {}

 private:
  const std::string id_;
  const std::string source_;
};

inline constexpr size_t kMasterKeyBytes = 32;

/// A master key in memory. Data keys for AES-256-GCM are wrapped by AES-256-GCM, those for SM4-GCM
/// by SM4-GCM, each under a key of its own: HMAC-SHA-256 or HMAC-SM3 of the purpose under `key`.
/// INVALID_ARGUMENT unless `key` has 32 bytes that are not all the same.
StatusOr<std::shared_ptr<const MasterKey>> NewMemoryMasterKey(const Secret& key,
                                                              std::string source);

}  // namespace hadal::auth
