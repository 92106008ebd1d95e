#include "auth/audit/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "auth/folder/little_endian.h"

namespace hadal::auth {
namespace {

Status Sync(int fd, const std::string& path) {
  while (::fdatasync(fd) != 0) {
    if (errno != EINTR) return ErrnoStatus("cannot make durable", path);
  }
  return OkStatus();
}

Status Truncate(int fd, const std::string& path, uint64_t size) {
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return ErrnoStatus("cannot truncate", path);
  return OkStatus();
}

StatusOr<UniqueFd> OpenForWriting(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  return fd;
}

// A deleted file takes writes and loses them (hashicorp/vault#31718: audit went on into nowhere).
Status CheckStillLinked(int fd, const std::string& path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return ErrnoStatus("cannot stat", path);
  if (st.st_nlink == 0) {
    return Unavailable(
        "{} was deleted while the log is open: nothing is answered. Stop the appliance, restore "
        "the audit folder from a backup and start again",
        path);
  }
  return OkStatus();
}

Status SyncFolder(const std::string& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus("cannot fsync", folder);
  return OkStatus();
}

}  // namespace

Status WriteNewSegment(const LogPaths& paths, const SegmentHeader& header,
                       const SignedHead& head) {
  std::string content;
  AppendFrame(FrameKind::kSegmentHeader, EncodeSegmentHeader(header), content);
  AppendFrame(FrameKind::kCommit, EncodeCommit(head), content);
  return WriteFileAtomic(paths.Segment(header.first_index), content, 0600);
}

StatusOr<LogTail> LogTail::Create(State state, const Limits& limits) {
  LogTail tail(std::move(state), limits);
  RETURN_IF_ERROR(tail.OpenFiles());
  // Recovery decided what belongs to the log: make the files say exactly that.
  RETURN_IF_ERROR(tail.Repair());
  return tail;
}

Status LogTail::OpenFiles() {
  const LogPaths& paths = state_.paths;
  ASSIGN_OR_RETURN(segment_, OpenForWriting(paths.Segment(state_.segment_first)));
  ASSIGN_OR_RETURN(hashes_, OpenForWriting(paths.Hashes()));
  ASSIGN_OR_RETURN(offsets_, OpenForWriting(paths.Offsets()));
  ASSIGN_OR_RETURN(checkpoint_, OpenForWriting(paths.Checkpoint()));
  return OkStatus();
}

Status LogTail::CheckStorage(uint64_t bytes) const {
  const LogPaths& paths = state_.paths;
  RETURN_IF_ERROR(CheckStillLinked(segment_.get(), paths.Segment(state_.segment_first)));
  RETURN_IF_ERROR(CheckStillLinked(checkpoint_.get(), paths.Checkpoint()));
  struct statvfs fs {};
  if (::fstatvfs(segment_.get(), &fs) != 0) return ErrnoStatus("cannot stat", paths.folder);
  const uint64_t free_bytes = static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
  if (free_bytes < limits_.min_free_bytes + bytes) {
    return ResourceExhausted(
        "the audit log's disk ({}) has {} bytes free and keeps {} in reserve: free some space; "
        "nothing is answered until then",
        paths.folder, free_bytes, limits_.min_free_bytes);
  }
  return OkStatus();
}

Status LogTail::RollSegment() {
  const LogPaths& paths = state_.paths;
  // The closed segment's derived entries are not looked at again when the log opens.
  RETURN_IF_ERROR(Sync(hashes_.get(), paths.Hashes()));
  RETURN_IF_ERROR(Sync(offsets_.get(), paths.Offsets()));
  const SegmentHeader header{.first_index = state_.tree.size(),
                             .previous_first_index = state_.segment_first,
                             .previous_bytes = state_.segment_bytes,
                             .origin = state_.key.name};
  RETURN_IF_ERROR(WriteNewSegment(paths, header, state_.head));
  ASSIGN_OR_RETURN(UniqueFd segment, OpenForWriting(paths.Segment(header.first_index)));
  ASSIGN_OR_RETURN(const uint64_t bytes,
                   FileBytes(segment.get(), paths.Segment(header.first_index)));
  segment_ = std::move(segment);
  state_.segment_first = header.first_index;
  state_.segment_bytes = bytes;
  return OkStatus();
}

Status LogTail::Commit(const std::vector<TailEntry>& entries) {
  if (needs_repair_) RETURN_IF_ERROR(Repair());
  uint64_t bytes = 0;
  TreeFrontier tree = state_.tree;
  std::vector<TreeHash> stored;
  for (const TailEntry& entry : entries) {
    bytes += entry.frame.size();
    tree.Append(entry.leaf, stored);
  }
  RETURN_IF_ERROR(CheckStorage(bytes));
  ASSIGN_OR_RETURN(SignedHead head,
                   SignHead(state_.key, state_.signer, tree.size(), tree.Root()));
  needs_repair_ = true;
  if (state_.segment_bytes + bytes > limits_.segment_bytes &&
      state_.tree.size() > state_.segment_first) {
    RETURN_IF_ERROR(RollSegment());
  }
  RETURN_IF_ERROR(WriteCommit(entries, stored, head));
  needs_repair_ = false;
  state_.tree = std::move(tree);
  state_.head = std::move(head);
  return OkStatus();
}

Status LogTail::WriteCommit(const std::vector<TailEntry>& entries,
                            const std::vector<TreeHash>& stored, const SignedHead& head) {
  const LogPaths& paths = state_.paths;
  std::string frames;
  std::string offsets;
  for (const TailEntry& entry : entries) {
    AppendInteger(state_.segment_bytes + frames.size(), offsets);
    frames.append(entry.frame);
  }
  AppendFrame(FrameKind::kCommit, EncodeCommit(head), frames);
  const uint64_t size = state_.tree.size();
  const std::string_view hashes(reinterpret_cast<const char*>(stored.data()),
                                stored.size() * sizeof(TreeHash));
  RETURN_IF_ERROR(WriteAt(hashes_.get(), paths.Hashes(), StoredHashCount(size) * sizeof(TreeHash),
                          hashes));
  RETURN_IF_ERROR(
      WriteAt(offsets_.get(), paths.Offsets(), size * sizeof(uint64_t), offsets));
  const std::string segment = paths.Segment(state_.segment_first);
  RETURN_IF_ERROR(WriteAt(segment_.get(), segment, state_.segment_bytes, frames));
  RETURN_IF_ERROR(Sync(segment_.get(), segment));
  // Only now may the checkpoint name these records: it is never ahead of the log.
  RETURN_IF_ERROR(WriteCheckpoint(head));
  state_.segment_bytes += frames.size();
  return OkStatus();
}

Status LogTail::WriteCheckpoint(const SignedHead& head) {
  // In place: it stays within the first 512 bytes, which a disk writes whole or not at all.
  const std::string text = CheckpointText(state_.key, head);
  const std::string path = state_.paths.Checkpoint();
  RETURN_IF_ERROR(WriteAt(checkpoint_.get(), path, 0, text));
  ASSIGN_OR_RETURN(const uint64_t bytes, FileBytes(checkpoint_.get(), path));
  if (bytes != text.size()) RETURN_IF_ERROR(Truncate(checkpoint_.get(), path, text.size()));
  return Sync(checkpoint_.get(), path);
}

Status LogTail::Repair() {
  const LogPaths& paths = state_.paths;
  // The checkpoint first: were the log cut first, a crash could leave a checkpoint ahead of it.
  RETURN_IF_ERROR(WriteCheckpoint(state_.head));
  const std::string segment = paths.Segment(state_.segment_first);
  RETURN_IF_ERROR(Truncate(segment_.get(), segment, state_.segment_bytes));
  RETURN_IF_ERROR(Sync(segment_.get(), segment));
  const uint64_t size = state_.tree.size();
  RETURN_IF_ERROR(Truncate(hashes_.get(), paths.Hashes(),
                           StoredHashCount(size) * sizeof(TreeHash)));
  RETURN_IF_ERROR(Truncate(offsets_.get(), paths.Offsets(), size * sizeof(uint64_t)));
  // A segment begun by a roll that did not end well.
  if (size > state_.segment_first) {
    const std::string next = paths.Segment(size);
    if (::unlink(next.c_str()) == 0) {
      RETURN_IF_ERROR(SyncFolder(paths.folder));
    } else if (errno != ENOENT) {
      return ErrnoStatus("cannot remove", next);
    }
  }
  needs_repair_ = false;
  return OkStatus();
}

Status LogTail::Close() {
  if (needs_repair_) RETURN_IF_ERROR(Repair());
  RETURN_IF_ERROR(Sync(hashes_.get(), state_.paths.Hashes()));
  return Sync(offsets_.get(), state_.paths.Offsets());
}

}  // namespace hadal::auth
