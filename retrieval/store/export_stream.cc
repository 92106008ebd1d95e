#include "retrieval/store/export_stream.h"

#include <algorithm>
#include <utility>

#include "retrieval/store/checksum.h"

namespace hadal::retrieval {
namespace {

constexpr std::string_view kMagic = "HADALKB1";
constexpr size_t kPartBytes = size_t{1} << 20;
constexpr size_t kMaxSuffixBytes = 4096;
constexpr size_t kMaxValueBytes = size_t{64} << 20;
constexpr size_t kHeadBytes = 1 + 2 * sizeof(uint32_t);

std::string EncodeU32(uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

uint32_t DecodeU32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < sizeof(uint32_t); ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

}  // namespace

ExportWriter::ExportWriter(Write write) : write_(std::move(write)), buffer_(kMagic) {
  crc_ = Crc32c(kMagic);
}

Status ExportWriter::Add(char kind, std::string_view suffix, std::string_view value) {
  if (suffix.size() > kMaxSuffixBytes || value.size() > kMaxValueBytes) {
    return Internal("a record of {} and {} bytes does not fit an export", suffix.size(),
                    value.size());
  }
  std::string entry(1, kind);
  entry += EncodeU32(static_cast<uint32_t>(suffix.size()));
  entry += EncodeU32(static_cast<uint32_t>(value.size()));
  entry.append(suffix).append(value);
  crc_ = Crc32c(entry, crc_);
  buffer_.append(entry).append(EncodeU32(crc_));
  return buffer_.size() < kPartBytes ? OkStatus() : Flush();
}

Status ExportWriter::Finish() {
  RETURN_IF_ERROR(Add(0, "", ""));
  return Flush();
}

Status ExportWriter::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    RETURN_IF_ERROR(write_(left.substr(0, kPartBytes)));
    left.remove_prefix(std::min(left.size(), kPartBytes));
  }
  buffer_.clear();
  return OkStatus();
}

Status ExportReader::Fill(size_t size) {
  while (buffer_.size() - used_ < size && !ended_) {
    buffer_.erase(0, std::exchange(used_, 0));
    ASSIGN_OR_RETURN(const std::string part, read_());
    ended_ = part.empty();
    buffer_ += part;
  }
  return OkStatus();
}

StatusOr<std::string> ExportReader::Take(size_t size) {
  RETURN_IF_ERROR(Fill(size));
  if (buffer_.size() - used_ < size) {
    return DataLoss("the export ends inside record {}: it was cut short; export the base again",
                    entries_ + 1);
  }
  std::string bytes = buffer_.substr(used_, size);
  used_ += size;
  crc_ = Crc32c(bytes, crc_);
  return bytes;
}

StatusOr<std::optional<ExportEntry>> ExportReader::Next() {
  if (!std::exchange(begun_, true)) {
    RETURN_IF_ERROR(Fill(kMagic.size()));
    if (std::string_view(buffer_).substr(used_, kMagic.size()) != kMagic) {
      return InvalidArgument("this is no exported knowledge base: it does not begin with {}",
                             kMagic);
    }
    RETURN_IF_ERROR(Take(kMagic.size()).status());
  }
  ASSIGN_OR_RETURN(const std::string head, Take(kHeadBytes));
  const size_t suffix_bytes = DecodeU32(std::string_view(head).substr(1));
  const size_t value_bytes = DecodeU32(std::string_view(head).substr(1 + sizeof(uint32_t)));
  if (suffix_bytes > kMaxSuffixBytes || value_bytes > kMaxValueBytes) {
    return DataLoss("record {} of the export says it has {} and {} bytes: it is damaged",
                    entries_ + 1, suffix_bytes, value_bytes);
  }
  ExportEntry entry;
  entry.kind = head[0];
  ASSIGN_OR_RETURN(entry.suffix, Take(suffix_bytes));
  ASSIGN_OR_RETURN(entry.value, Take(value_bytes));
  const uint32_t expected = crc_;
  ASSIGN_OR_RETURN(const std::string stored, Take(sizeof(uint32_t)));
  crc_ = expected;  // the checksums themselves are not counted
  if (DecodeU32(stored) != expected) {
    return DataLoss(
        "record {} of the export has checksum {:08x}, expected {:08x}: it is damaged; "
        "export the base again",
        entries_ + 1, expected, DecodeU32(stored));
  }
  ++entries_;
  if (entry.kind != 0) return std::optional<ExportEntry>(std::move(entry));
  RETURN_IF_ERROR(Fill(1));
  if (buffer_.size() != used_) return DataLoss("the export goes on behind its end: it is damaged");
  return std::optional<ExportEntry>();
}

}  // namespace hadal::retrieval
