#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "retrieval/store/database.h"
#include "retrieval/value_cipher.h"

namespace hadal::retrieval {

/// "chunks/21...", for messages.
std::string DescribeKey(Table table, std::string_view key);

/// Whether a table holds what documents say, and is encrypted where its base is.
inline bool HoldsContent(Table table) { return table != Table::kMeta; }

/// Between a value and the bytes that RocksDB keeps for it: encrypted where its table holds content
/// and its base has a key, then a CRC-32C over the key and those bytes. Thread-safe.
class ValueCodec {
 public:
  /// `cipher` may be null: nothing is encrypted.
  explicit ValueCodec(std::shared_ptr<ValueCipher> cipher) : cipher_(std::move(cipher)) {}

  StatusOr<std::string> Encode(Table table, std::string_view key, std::string_view value) const;

  /// A view into `stored`, or into `scratch` for a value that was encrypted. DATA_LOSS naming the
  /// key when the bytes changed or stand under another key.
  StatusOr<std::string_view> Decode(Table table, std::string_view key, std::string_view stored,
                                    std::string& scratch) const;

  /// For looking at what is left in files: the value as far as it can be opened. One whose key was
  /// destroyed, or that is damaged, stays as it is without its checksum.
  std::string_view DecodeRemains(Table table, std::string_view key, std::string_view stored,
                                 std::string& scratch) const;

  /// Of the base's key; 0 where there is none.
  uint64_t SealedValues(uint32_t base) const {
    return cipher_ == nullptr ? 0 : cipher_->SealedValues(base);
  }

 private:
  const std::shared_ptr<ValueCipher> cipher_;
};

}  // namespace hadal::retrieval
