#include "retrieval/store/value_codec.h"

#include <algorithm>

#include "base/hex.h"
#include "retrieval/store/checksum.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kChecksumBytes = 4;

StatusOr<std::string_view> CheckSum(Table table, std::string_view key, std::string_view stored) {
  if (stored.size() < kChecksumBytes) {
    return DataLoss(
        "the value of key {} has {} bytes, fewer than its checksum: the store is damaged; restore "
        "it from a backup",
        DescribeKey(table, key), stored.size());
  }
  const std::string_view value = stored.substr(0, stored.size() - kChecksumBytes);
  uint32_t expected = 0;
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    expected |= uint32_t{static_cast<uint8_t>(stored[value.size() + i])} << (8 * i);
  }
  const uint32_t computed = Crc32c(value, Crc32c(key));
  if (expected != computed) {
    return DataLoss(
        "the value of key {} has checksum {:08x}, expected {:08x}: the store is damaged; restore "
        "it from a backup",
        DescribeKey(table, key), computed, expected);
  }
  return value;
}

}  // namespace

std::string DescribeKey(Table table, std::string_view key) {
  return fmt::format("{}/{}", TableName(table), HexEncode(key));
}

StatusOr<std::string> ValueCodec::Encode(Table table, std::string_view key,
                                         std::string_view value) const {
  std::string stored;
  if (cipher_ != nullptr && HoldsContent(table)) {
    ASSIGN_OR_RETURN(const uint32_t base, BaseOfKey(key));
    RETURN_IF_ERROR(cipher_->Seal(base, key, value, stored));
  } else {
    stored.reserve(value.size() + kChecksumBytes);
    stored.append(value);
  }
  const uint32_t crc = Crc32c(stored, Crc32c(key));
  for (int shift = 0; shift < 32; shift += 8) stored.push_back(static_cast<char>(crc >> shift));
  return stored;
}

StatusOr<std::string_view> ValueCodec::Decode(Table table, std::string_view key,
                                              std::string_view stored, std::string& scratch) const {
  ASSIGN_OR_RETURN(const std::string_view value, CheckSum(table, key, stored));
  if (cipher_ == nullptr || !HoldsContent(table)) return value;
  ASSIGN_OR_RETURN(const uint32_t base, BaseOfKey(key));
  scratch.clear();
  const Status opened = cipher_->Open(base, key, value, scratch);
  if (opened.ok()) return std::string_view(scratch);
  return Annotate(opened, "the value of key " + DescribeKey(table, key));
}

std::string_view ValueCodec::DecodeRemains(Table table, std::string_view key,
                                           std::string_view stored, std::string& scratch) const {
  const StatusOr<std::string_view> value = Decode(table, key, stored, scratch);
  if (value.ok()) return *value;
  return stored.substr(0, stored.size() - std::min(stored.size(), kChecksumBytes));
}

}  // namespace hadal::retrieval
