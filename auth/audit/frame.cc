#include "auth/audit/frame.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "auth/audit/crc32c.h"
#include "auth/folder/little_endian.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kMagic = "HADALAUD";
constexpr uint32_t kVersion = 1;
constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kCrcBytes = 4;

}  // namespace

void AppendFrame(FrameKind kind, std::string_view payload, std::string& out) {
  std::string header;
  AppendInteger(static_cast<uint32_t>(payload.size()), header);
  header.push_back(static_cast<char>(kind));
  AppendInteger(Crc32c(payload, Crc32c(header)), out);
  out.append(header).append(payload);
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string payload(kMagic);
  AppendInteger(kVersion, payload);
  AppendInteger(header.first_index, payload);
  AppendInteger(header.previous_first_index, payload);
  AppendInteger(header.previous_bytes, payload);
  payload.append(header.origin);
  return payload;
}

StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view payload) {
  SegmentHeader header;
  uint32_t version = 0;
  if (!payload.starts_with(kMagic)) return DataLoss("expected a segment of a Hadal audit log");
  payload.remove_prefix(kMagic.size());
  if (!TakeInteger(payload, version) || !TakeInteger(payload, header.first_index) ||
      !TakeInteger(payload, header.previous_first_index) ||
      !TakeInteger(payload, header.previous_bytes)) {
    return DataLoss("the segment header is too short");
  }
  if (version != kVersion) {
    return DataLoss("the segment has format version {}, this program reads {}", version, kVersion);
  }
  header.origin = std::string(payload);
  return header;
}

std::string EncodeCommit(const SignedHead& head) {
  std::string payload;
  AppendInteger(head.size, payload);
  return payload.append(AsBytes(head.root)).append(head.signature);
}

StatusOr<SignedHead> DecodeCommit(std::string_view payload) {
  SignedHead head;
  if (!TakeInteger(payload, head.size) ||
      payload.size() != kSha256Bytes + kEd25519SignatureBytes) {
    return DataLoss("a commit frame has the wrong size");
  }
  std::memcpy(head.root.data(), payload.data(), kSha256Bytes);
  head.signature = std::string(payload.substr(kSha256Bytes));
  return head;
}

StatusOr<size_t> FramePayloadBytes(std::string_view header) {
  uint32_t size = 0;
  if (header.size() < kFrameHeaderBytes) return DataLoss("the frame is cut off in its header");
  header.remove_prefix(kCrcBytes);
  TakeInteger(header, size);
  if (size > kMaxFramePayloadBytes) {
    return DataLoss("the frame announces {} bytes, at most {} are possible", size,
                    kMaxFramePayloadBytes);
  }
  return size;
}

StatusOr<std::string_view> CheckFrame(std::string_view frame, FrameKind expected_kind) {
  ASSIGN_OR_RETURN(const size_t size, FramePayloadBytes(frame));
  if (frame.size() != kFrameHeaderBytes + size) return DataLoss("the frame is cut off");
  std::string_view rest = frame;
  uint32_t crc = 0;
  TakeInteger(rest, crc);
  if (Crc32c(rest) != crc) return DataLoss("the frame's checksum does not match");
  if (static_cast<FrameKind>(frame[kFrameHeaderBytes - 1]) != expected_kind) {
    return DataLoss("a frame of another kind stands here");
  }
  return frame.substr(kFrameHeaderBytes);
}

StatusOr<std::unique_ptr<FrameReader>> FrameReader::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  return std::unique_ptr<FrameReader>(new FrameReader(std::move(fd), path));
}

bool FrameReader::Fill(size_t size) {
  const size_t consumed = end_ - buffer_start_;
  if (buffer_.size() - consumed >= size) return true;
  buffer_.erase(0, consumed);
  buffer_start_ = end_;
  size_t filled = buffer_.size();
  buffer_.resize(std::max(size, kReadBytes));
  while (filled < size) {
    const ssize_t n = ::pread(fd_.get(), buffer_.data() + filled, buffer_.size() - filled,
                              static_cast<off_t>(buffer_start_ + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) damage_ = StatusMessage(ErrnoStatus("cannot read", path_));
    if (n <= 0) break;
    filled += static_cast<size_t>(n);
  }
  buffer_.resize(filled);
  return filled >= size;
}

FrameReader::Result FrameReader::Damaged(std::string what) {
  if (damage_.empty()) damage_ = std::move(what);
  return Result::kDamaged;
}

FrameReader::Result FrameReader::Next() {
  start_ = end_;
  damage_.clear();
  if (!Fill(kFrameHeaderBytes)) {
    if (!damage_.empty()) return Result::kDamaged;
    if (buffer_.empty()) return Result::kEnd;
    return Damaged(fmt::format("{} bytes that are no whole frame header", buffer_.size()));
  }
  const auto at_end = [this] { return std::string_view(buffer_).substr(end_ - buffer_start_); };
  const StatusOr<size_t> size = FramePayloadBytes(at_end());
  if (!size.ok()) return Damaged(StatusMessage(size.status()));
  const size_t frame_bytes = kFrameHeaderBytes + *size;
  if (!Fill(frame_bytes)) return Damaged("a frame that the file does not hold to its end");
  const std::string_view frame = at_end().substr(0, frame_bytes);
  const auto kind = static_cast<FrameKind>(frame[kFrameHeaderBytes - 1]);
  const StatusOr<std::string_view> payload = CheckFrame(frame, kind);
  if (!payload.ok()) return Damaged(StatusMessage(payload.status()));
  if (kind != FrameKind::kSegmentHeader && kind != FrameKind::kRecord &&
      kind != FrameKind::kCommit) {
    return Damaged("a frame of an unknown kind");
  }
  kind_ = kind;
  payload_ = *payload;
  end_ = start_ + frame_bytes;
  return Result::kFrame;
}

}  // namespace hadal::auth
