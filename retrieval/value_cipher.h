#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::retrieval {

/// Encryption of what a store keeps, with a key for each knowledge base. The store says where a
/// value stands; keys, algorithms and where master keys come from are the implementation's. A base
/// without a key is kept as it is. Thread-safe.
class ValueCipher {
 public:
  virtual ~ValueCipher() = default;

  /// Makes a key for the new base `base` and returns it wrapped, for the base's record; empty when
  /// new bases are not to be encrypted. Errors say why there is no master key.
  virtual StatusOr<std::string> CreateKey(uint32_t base) = 0;

  /// Takes over the base's key from its record; empty: a base that is not encrypted.
  /// `sealed_values`: how many values it has sealed so far. Returns the key as the record should
  /// hold it: another one, after the master key was changed, that has to be written back.
  /// FAILED_PRECONDITION when the master key is not there; DATA_LOSS when the key was changed.
  virtual StatusOr<std::string> LoadKey(uint32_t base, const std::string& wrapped_key,
                                        uint64_t sealed_values) = 0;

  /// Forgets the key. Seal() and Open() of the base are NOT_FOUND from now on.
  virtual void DropKey(uint32_t base) = 0;

  /// "AES-256-GCM" or the like, for people; empty for a base that is not encrypted.
  virtual std::string Algorithm(uint32_t base) const = 0;

  /// Values sealed with the base's key, ever. The store keeps the number, since a key may seal only
  /// so many. 0 for a base that is not encrypted.
  virtual uint64_t SealedValues(uint32_t base) const = 0;

  /// Appends the value as it is to be kept under `key` of the base. NOT_FOUND for a base that was
  /// neither created nor loaded: nothing is written in the clear by mistake. RESOURCE_EXHAUSTED
  /// when the base's key has sealed as many values as it may.
  virtual Status Seal(uint32_t base, std::string_view key, std::string_view value,
                      std::string& out) = 0;

  /// Appends the value. DATA_LOSS unless it was sealed for this base and this key.
  virtual Status Open(uint32_t base, std::string_view key, std::string_view sealed,
                      std::string& out) const = 0;
};

}  // namespace hadal::retrieval
