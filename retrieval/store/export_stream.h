#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::retrieval {

/// One record of an exported base: a key of the store without the base's number.
struct ExportEntry {
  char kind = 0;       ///< the key's first byte
  std::string suffix;  ///< the key behind the base's number
  std::string value;
};

/// The bytes of an exported base: "HADALKB1", then entries, then one of kind 0. An entry is its
/// kind, the lengths of suffix and value (u32 little-endian), both, and a CRC-32C over everything
/// from the stream's beginning: a record that changed, moved or is missing is noticed at the next
/// one. Thread-compatible.
class ExportWriter {
 public:
  using Write = std::function<Status(std::string_view part)>;
  explicit ExportWriter(Write write);
  Status Add(char kind, std::string_view suffix, std::string_view value);
  /// The end; without it the stream counts as cut short.
  Status Finish();

 private:
  Status Flush();

  const Write write_;
  std::string buffer_;
  uint32_t crc_ = 0;
};

/// Reads what ExportWriter wrote. Bytes of anyone: bounded, checked. Thread-compatible.
class ExportReader {
 public:
  /// The next part of the stream, empty at its end.
  using Read = std::function<StatusOr<std::string>()>;
  explicit ExportReader(Read read) : read_(std::move(read)) {}
  /// nullopt behind the last entry. DATA_LOSS for a stream that is damaged, cut short or longer;
  /// INVALID_ARGUMENT for one that never was an export.
  StatusOr<std::optional<ExportEntry>> Next();

 private:
  /// `size` bytes, counted into the checksum.
  StatusOr<std::string> Take(size_t size);
  Status Fill(size_t size);

  const Read read_;
  std::string buffer_;
  size_t used_ = 0;
  bool begun_ = false;
  bool ended_ = false;  // of what read_ gives
  uint32_t crc_ = 0;
  int64_t entries_ = 0;
};

}  // namespace hadal::retrieval
