#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/crypto/aead.h"
#include "auth/crypto/master_key.h"
#include "auth/crypto/secret.h"
#include "base/status.h"

namespace hadal::auth {

/// What values are sealed with; see SealingKey.
struct DataKey {
  AeadAlgorithm algorithm = AeadAlgorithm::kAes256Gcm;
  Secret key;
};

/// A fresh random one. UNAVAILABLE when the system has no random numbers.
StatusOr<DataKey> NewDataKey(AeadAlgorithm algorithm);

/// Wraps data keys for keeping, under the first of its master keys, and opens what any of them
/// wrapped. A wrapped key is
///   layout: u8 = 1 | algorithm of the data key: u8 | master key id: 8 bytes | nonce: 12 bytes |
///   the data key, encrypted | tag: 16 bytes
/// and all of it is authenticated. Master keys change without a moment in which data cannot be
/// read: the new one first and the old one behind it, every key wrapped again, the old one gone.
/// Immutable and thread-safe.
class KeyRing {
 public:
  /// The first one wraps; none: nothing can be wrapped or opened.
  explicit KeyRing(std::vector<std::shared_ptr<const MasterKey>> master_keys)
      : master_keys_(std::move(master_keys)) {}

  /// `context` says what the key is for; Unwrap() wants the same. FAILED_PRECONDITION without a
  /// master key; errors of MasterKey::Wrap().
  StatusOr<std::string> Wrap(const DataKey& key, std::string_view context) const;

  /// FAILED_PRECONDITION, naming the master key it needs and those there are, when none of them
  /// wrapped the key; DATA_LOSS when it was changed or belongs to another context.
  StatusOr<DataKey> Unwrap(std::string_view wrapped, std::string_view context) const;

  /// Whether Wrap() would use the same master key: false asks for wrapping again.
  bool WrappedByFirst(std::string_view wrapped) const;

 private:
  std::string Describe() const;

  const std::vector<std::shared_ptr<const MasterKey>> master_keys_;
};

}  // namespace hadal::auth
