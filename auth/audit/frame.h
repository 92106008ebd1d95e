#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "auth/audit/checkpoint.h"
#include "base/file.h"
#include "base/status.h"

/// The frames that make up a segment file; auth/audit/format.md has the layout.
namespace hadal::auth {

enum class FrameKind : uint8_t { kSegmentHeader = 1, kRecord = 2, kCommit = 3 };

inline constexpr size_t kFrameHeaderBytes = 9;
/// Above it a length field is damage, whatever its checksum says.
inline constexpr size_t kMaxFramePayloadBytes = 16 << 20;

/// u32 CRC-32C of all that follows, u32 payload length, u8 kind, payload. Little-endian.
void AppendFrame(FrameKind kind, std::string_view payload, std::string& out);

/// First frame of a segment.
struct SegmentHeader {
  uint64_t first_index = 0;           ///< of the first record in it
  uint64_t previous_first_index = 0;  ///< of the segment before; 0 in the first one
  uint64_t previous_bytes = 0;        ///< length of that segment's file; 0 in the first one
  std::string origin;                 ///< of the log
};
std::string EncodeSegmentHeader(const SegmentHeader& header);
StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view payload);

std::string EncodeCommit(const SignedHead& head);
StatusOr<SignedHead> DecodeCommit(std::string_view payload);

/// Reads the frames of a file in order with a bounded buffer. Thread-compatible.
class FrameReader {
 public:
  static StatusOr<std::unique_ptr<FrameReader>> Open(const std::string& path);

  enum class Result { kFrame, kEnd, kDamaged };
  /// kFrame: kind(), payload() (valid until the next call), start() and end() describe it. kEnd:
  /// the last frame ended at the end of the file. kDamaged: damage() says what stands at start().
  Result Next();

  FrameKind kind() const { return kind_; }
  std::string_view payload() const { return payload_; }
  uint64_t start() const { return start_; }
  uint64_t end() const { return end_; }
  const std::string& damage() const { return damage_; }

 private:
  FrameReader(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  /// Makes `size` bytes from end_ on available; false at the end of the file or on a read error.
  bool Fill(size_t size);
  Result Damaged(std::string what);

  UniqueFd fd_;
  const std::string path_;
  std::string buffer_;
  uint64_t buffer_start_ = 0;
  std::string damage_;
  FrameKind kind_ = FrameKind::kRecord;
  std::string_view payload_;
  uint64_t start_ = 0;
  uint64_t end_ = 0;
};

/// Checks one whole frame in memory and gives its payload; DATA_LOSS when it is damaged.
StatusOr<std::string_view> CheckFrame(std::string_view frame, FrameKind expected_kind);
/// Payload length that a frame header announces; DATA_LOSS above kMaxFramePayloadBytes.
StatusOr<size_t> FramePayloadBytes(std::string_view header);

}  // namespace hadal::auth
