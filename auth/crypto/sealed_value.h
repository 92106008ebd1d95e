#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "auth/crypto/aead.h"
#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::auth {

/// What a sealed value is longer than its plaintext.
inline constexpr size_t kSealedOverheadBytes = 1 + 4 + kAeadNonceBytes + kAeadTagBytes;

/// How many values one key may seal: NIST SP 800-38D §8.3 bounds random 96-bit nonces so that two
/// of them are equal with a probability below 2^-32. Random ones (§8.2.2), because a counter starts
/// again where a backup or a snapshot is put back, and then seals two values with one nonce.
inline constexpr uint64_t kMaxSealedValues = uint64_t{1} << 32;

/// A data key at work. A sealed value is
///   algorithm: u8 | key id: u32 | nonce: 12 bytes | ciphertext | tag: 16 bytes
/// with integers little-endian. Key id and algorithm are compared with the key's own, the rest is
/// authenticated. Thread-safe.
class SealingKey {
 public:
  /// `sealed_before`: values this key has sealed in earlier lives, towards the bound.
  static StatusOr<std::unique_ptr<SealingKey>> Create(AeadAlgorithm algorithm, const Secret& key,
                                                      uint64_t sealed_before);

  /// Appends to `out`. `associated` says where the value stands; only there Open() accepts it.
  /// RESOURCE_EXHAUSTED once the key has sealed 2^32 values.
  Status Seal(std::string_view associated, std::string_view plaintext, std::string& out);

  /// Appends to `out`. DATA_LOSS, with nothing appended, saying whether another key sealed the
  /// value or it is not what was sealed here.
  Status Open(std::string_view associated, std::string_view sealed, std::string& out) const;

  AeadAlgorithm algorithm() const { return algorithm_; }
  /// Tells keys apart in messages: 32 bits derived from the key, from which it cannot be guessed.
  uint32_t id() const { return id_; }
  uint64_t sealed_values() const { return sealed_values_; }

 private:
  SealingKey(AeadAlgorithm algorithm, uint32_t id, std::unique_ptr<Aead> aead, uint64_t sealed)
      : algorithm_(algorithm), id_(id), aead_(std::move(aead)), sealed_values_(sealed) {}

  const AeadAlgorithm algorithm_;
  const uint32_t id_;
  const std::unique_ptr<Aead> aead_;
  std::atomic<uint64_t> sealed_values_;
};

}  // namespace hadal::auth
