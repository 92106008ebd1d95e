#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "auth/audit/frame.h"
#include "auth/audit/merkle.h"
#include "base/file.h"
#include "base/status.h"

/// Names and readers of the files of an audit folder; auth/audit/format.md describes them.
namespace hadal::auth {

/// More records than that under one commit frame are damage: the writer never makes it.
inline constexpr size_t kMaxRecordsPerCommit = 4096;

struct LogPaths {
  std::string folder;
  std::string SigningKey() const { return folder + "/signing.key"; }
  std::string PublicKey() const { return folder + "/public.key"; }
  std::string Checkpoint() const { return folder + "/checkpoint"; }
  std::string Hashes() const { return folder + "/hashes"; }
  std::string Offsets() const { return folder + "/offsets"; }
  std::string Segment(uint64_t first_index) const;
};

/// First record index of every segment file, ascending.
StatusOr<std::vector<uint64_t>> ListSegments(const LogPaths& paths);

StatusOr<CheckpointKey> ReadPublicKey(const LogPaths& paths);
StatusOr<SignedHead> ReadCheckpoint(const LogPaths& paths, const CheckpointKey& key);

/// A record that a commit frame covers.
struct ScannedRecord {
  uint64_t index = 0;
  uint64_t offset = 0;                      ///< of its frame in the segment file
  absl::Span<const TreeHash> stored_hashes;  ///< that it completed, its leaf hash first
};

/// Called for the records of a commit frame, in order, then for the frame's head.
struct ScanVisitor {
  std::function<void(const ScannedRecord&)> on_record = [](const ScannedRecord&) {};
  std::function<void(const SignedHead&)> on_commit = [](const SignedHead&) {};
};

struct SegmentScan {
  SegmentHeader header;
  std::optional<SignedHead> last_head;  ///< of the last good commit frame; its signature unchecked
  uint64_t committed_bytes = 0;         ///< end of that frame
  uint64_t uncommitted_bytes = 0;       ///< between there and the end of the file
  std::string damage;                   ///< what stands there; empty when nothing or whole records
};

/// Reads a segment, checking frames, header (origin and first index as expected) and that every
/// commit frame states the tree of what stands before it. `frontier` holds the tree before the
/// segment and advances with the commits. An error only where the file cannot be opened.
StatusOr<SegmentScan> ScanSegment(const std::string& path, const std::string& origin,
                                  TreeFrontier& frontier, const ScanVisitor& visitor);

/// What a segment starts with: its header and the head before its first record.
struct SegmentStart {
  SegmentHeader header;
  SignedHead head;
};
/// DATA_LOSS when the start is damaged or of another log.
StatusOr<SegmentStart> ReadSegmentStart(const std::string& path, const std::string& origin);

/// `size` bytes at `offset`; DATA_LOSS when the file ends before.
Status ReadAt(int fd, const std::string& path, uint64_t offset, size_t size, std::string& out);
Status WriteAt(int fd, const std::string& path, uint64_t offset, std::string_view bytes);
StatusOr<uint64_t> FileBytes(int fd, const std::string& path);

/// Reader of the stored-hashes file behind `fd`, which must outlive it.
HashReader StoredHashReader(int fd, std::string path);

}  // namespace hadal::auth
