#include "auth/audit/log_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace hadal::auth {
namespace {

constexpr std::string_view kSegmentPrefix = "log-";
constexpr size_t kIndexDigits = 20;
constexpr size_t kMaxSmallFileBytes = 4096;

std::optional<uint64_t> SegmentIndex(std::string_view name) {
  if (name.size() != kSegmentPrefix.size() + kIndexDigits || !name.starts_with(kSegmentPrefix)) {
    return std::nullopt;
  }
  uint64_t index = 0;
  const auto parsed = std::from_chars(name.data() + kSegmentPrefix.size(),
                                      name.data() + name.size(), index);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) return std::nullopt;
  return index;
}

/// Records seen since the last commit frame.
class PendingRecords {
 public:
  void Add(uint64_t offset, std::string_view record, TreeFrontier& tree) {
    const size_t before = hashes_.size();
    tree.Append(LeafHash(record), hashes_);
    entries_.push_back({offset, before});
  }
  void Deliver(uint64_t first_index, const ScanVisitor& visitor) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      const size_t begin = entries_[i].hashes_begin;
      const size_t end = i + 1 < entries_.size() ? entries_[i + 1].hashes_begin : hashes_.size();
      visitor.on_record({first_index + i, entries_[i].offset,
                         absl::MakeConstSpan(hashes_).subspan(begin, end - begin)});
    }
    entries_.clear();
    hashes_.clear();
  }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t offset;
    size_t hashes_begin;
  };
  std::vector<Entry> entries_;
  std::vector<TreeHash> hashes_;
};

// Empty when the commit frame states exactly `tree`.
std::string CheckCommit(std::string_view payload, const TreeFrontier& tree, SignedHead& head) {
  StatusOr<SignedHead> decoded = DecodeCommit(payload);
  if (!decoded.ok()) return StatusMessage(decoded.status());
  if (decoded->size != tree.size()) {
    return fmt::format("a commit of {} records where {} stand", decoded->size, tree.size());
  }
  if (decoded->root != tree.Root()) return "a commit whose root is not that of its records";
  head = *std::move(decoded);
  return "";
}

std::string CheckHeader(FrameReader& reader, const std::string& path, const std::string& origin,
                        SegmentHeader& header) {
  const FrameReader::Result result = reader.Next();
  if (result == FrameReader::Result::kDamaged) return reader.damage();
  if (result == FrameReader::Result::kEnd) return "nothing: the file is empty";
  if (reader.kind() != FrameKind::kSegmentHeader) return "a frame that is no segment header";
  StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(reader.payload());
  if (!decoded.ok()) return StatusMessage(decoded.status());
  header = *std::move(decoded);
  if (header.origin != origin) {
    return fmt::format("a segment of the log '{}', expected '{}'", header.origin, origin);
  }
  const std::string name = std::filesystem::path(path).filename().string();
  if (SegmentIndex(name) != header.first_index) {
    return fmt::format("a segment that starts at record {}", header.first_index);
  }
  return "";
}

}  // namespace

std::string LogPaths::Segment(uint64_t first_index) const {
  return fmt::format("{}/{}{:020}", folder, kSegmentPrefix, first_index);
}

StatusOr<std::vector<uint64_t>> ListSegments(const LogPaths& paths) {
  std::error_code error;
  std::vector<uint64_t> segments;
  for (std::filesystem::directory_iterator it(paths.folder, error), end; !error && it != end;
       it.increment(error)) {
    const auto index = SegmentIndex(it->path().filename().string());
    if (index.has_value()) segments.push_back(*index);
  }
  if (error) return NotFound("cannot list {}: {}", paths.folder, error.message());
  std::sort(segments.begin(), segments.end());
  return segments;
}

StatusOr<CheckpointKey> ReadPublicKey(const LogPaths& paths) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(paths.PublicKey(), kMaxSmallFileBytes));
  StatusOr<CheckpointKey> key = CheckpointKey::FromText(text);
  if (!key.ok()) return DataLoss("{}: {}", paths.PublicKey(), StatusMessage(key.status()));
  return key;
}

StatusOr<SignedHead> ReadCheckpoint(const LogPaths& paths, const CheckpointKey& key) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(paths.Checkpoint(), kMaxSmallFileBytes));
  StatusOr<SignedHead> head = ParseCheckpoint(key, text);
  if (!head.ok()) return Annotate(head.status(), paths.Checkpoint());
  return head;
}

StatusOr<SegmentScan> ScanSegment(const std::string& path, const std::string& origin,
                                  TreeFrontier& frontier, const ScanVisitor& visitor) {
  ASSIGN_OR_RETURN(const auto reader, FrameReader::Open(path));
  SegmentScan scan;
  TreeFrontier tree = frontier;
  PendingRecords pending;
  scan.damage = CheckHeader(*reader, path, origin, scan.header);
  while (scan.damage.empty()) {
    const FrameReader::Result result = reader->Next();
    if (result == FrameReader::Result::kEnd) break;
    if (result == FrameReader::Result::kDamaged) {
      scan.damage = reader->damage();
    } else if (reader->kind() == FrameKind::kRecord) {
      if (pending.size() == kMaxRecordsPerCommit) {
        scan.damage = fmt::format("more than {} records without a commit", kMaxRecordsPerCommit);
        break;
      }
      // The first commit frame repeats the head that the segment starts from.
      if (!scan.last_head.has_value()) {
        scan.damage = "a record before the segment's first commit";
        break;
      }
      pending.Add(reader->start(), reader->payload(), tree);
    } else if (reader->kind() == FrameKind::kCommit) {
      SignedHead head;
      scan.damage = CheckCommit(reader->payload(), tree, head);
      if (!scan.damage.empty()) break;
      pending.Deliver(frontier.size(), visitor);
      frontier = tree;
      scan.committed_bytes = reader->end();
      visitor.on_commit(head);
      scan.last_head = std::move(head);
    } else {
      scan.damage = "a second segment header";
    }
  }
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > scan.committed_bytes) scan.uncommitted_bytes = bytes - scan.committed_bytes;
  return scan;
}

StatusOr<SegmentStart> ReadSegmentStart(const std::string& path, const std::string& origin) {
  ASSIGN_OR_RETURN(const auto reader, FrameReader::Open(path));
  SegmentStart start;
  const std::string damage = CheckHeader(*reader, path, origin, start.header);
  if (!damage.empty()) return DataLoss("{}: expected a segment header, found {}", path, damage);
  if (reader->Next() != FrameReader::Result::kFrame || reader->kind() != FrameKind::kCommit) {
    return DataLoss("{}: expected a commit frame after the header, found {}", path,
                    reader->damage().empty() ? "none" : reader->damage());
  }
  ASSIGN_OR_RETURN(start.head, DecodeCommit(reader->payload()));
  return start;
}

Status ReadAt(int fd, const std::string& path, uint64_t offset, size_t size, std::string& out) {
  out.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(fd, out.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot read", path);
    if (n == 0) return DataLoss("{} ends before byte {}", path, offset + size);
    done += static_cast<size_t>(n);
  }
  return OkStatus();
}

Status WriteAt(int fd, const std::string& path, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return OkStatus();
}

StatusOr<uint64_t> FileBytes(int fd, const std::string& path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return ErrnoStatus("cannot stat", path);
  return static_cast<uint64_t>(st.st_size);
}

HashReader StoredHashReader(int fd, std::string path) {
  return [fd, path = std::move(path)](uint64_t stored_index) -> StatusOr<TreeHash> {
    std::string bytes;
    TreeHash hash;
    RETURN_IF_ERROR(ReadAt(fd, path, stored_index * hash.size(), hash.size(), bytes));
    std::memcpy(hash.data(), bytes.data(), hash.size());
    return hash;
  };
}

}  // namespace hadal::auth
