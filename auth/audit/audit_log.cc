#include "auth/audit_log.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/audit/completion.h"
#include "auth/audit/log_tail.h"
#include "auth/audit/recovery.h"
#include "auth/audit/sanitize.h"
#include "auth/folder/folder_lock.h"
#include "auth/folder/little_endian.h"
#include "base/log.h"

namespace hadal::auth {
namespace {

std::string SerializeDeterministic(const store::v1::AuditRecord& record) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  record.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::vector<std::string> ToStrings(const std::vector<TreeHash>& hashes) {
  std::vector<std::string> strings;
  for (const TreeHash& hash : hashes) strings.emplace_back(AsBytes(hash));
  return strings;
}

/// Appends that share one commit.
struct Batch {
  std::vector<TailEntry> entries;
  Completion done;
  Status status;             // written before done is set
  uint64_t first_index = 0;  // likewise
};

class FileAuditLog final : public AuditLog {
 public:
  FileAuditLog(const AuditLogOptions& options, FolderLock lock, LogTail tail, CheckpointKey key,
               UniqueFd hashes, UniqueFd offsets, std::vector<uint64_t> segments)
      : options_(options),
        paths_{options.folder},
        key_(std::move(key)),
        folder_lock_(std::move(lock)),
        hashes_(std::move(hashes)),
        offsets_(std::move(offsets)),
        tail_(std::move(tail)),
        segments_(std::move(segments)),
        head_(tail_.head()),
        committer_([this] { RunCommitter(); }) {}
  ~FileAuditLog() override;

  StatusOr<AuditPosition> Append(const store::v1::AuditRecord& record) override;
  uint64_t size() const override { return head().size; }
  StatusOr<StoredAuditRecord> Get(uint64_t index) const override;
  StatusOr<InclusionProof> ProveInclusion(uint64_t index) const override;
  StatusOr<ConsistencyProof> ProveConsistency(uint64_t first_size) const override;
  std::string Checkpoint() const override { return CheckpointText(key_, head()); }
  StatusOr<AuditVerification> Verify() const override;

 private:
  SignedHead head() const {
    absl::MutexLock lock(&mu_);
    return head_;
  }
  HashReader hash_reader() const { return StoredHashReader(hashes_.get(), paths_.Hashes()); }
  StatusOr<TailEntry> Encode(const store::v1::AuditRecord& record) const;
  std::string SegmentOf(uint64_t index) const;
  /// Body of the committer thread, which alone uses tail_.
  void RunCommitter();
  std::shared_ptr<Batch> TakeBatch();
  void CommitBatch(Batch& batch);

  const AuditLogOptions options_;
  const LogPaths paths_;
  const CheckpointKey key_;
  const FolderLock folder_lock_;
  const UniqueFd hashes_;
  const UniqueFd offsets_;
  LogTail tail_;

  mutable absl::Mutex mu_;
  std::shared_ptr<Batch> open_batch_ ABSL_GUARDED_BY(mu_) = std::make_shared<Batch>();
  std::vector<std::shared_ptr<Batch>> full_batches_ ABSL_GUARDED_BY(mu_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<uint64_t> segments_ ABSL_GUARDED_BY(mu_);
  SignedHead head_ ABSL_GUARDED_BY(mu_);

  std::thread committer_;  // last: it uses all of the above
};

FileAuditLog::~FileAuditLog() {
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
  }
  committer_.join();
  if (const Status status = tail_.Close(); !status.ok()) {
    LogWarning("audit log: {}", StatusMessage(status));
  }
}

StatusOr<TailEntry> FileAuditLog::Encode(const store::v1::AuditRecord& record) const {
  std::string bytes = SerializeDeterministic(record);
  store::v1::AuditRecord parsed;
  if (!parsed.ParseFromString(bytes)) {
    // Text of a hostile peer that is not UTF-8: the request is recorded all the same.
    bytes = SerializeDeterministic(WithValidText(record));
    if (!parsed.ParseFromString(bytes)) return Internal("an audit record cannot be encoded");
  }
  if (static_cast<int64_t>(bytes.size()) > options_.max_record_bytes) {
    return InvalidArgument("the audit record has {} bytes, the limit is {}", bytes.size(),
                           options_.max_record_bytes);
  }
  TailEntry entry;
  entry.frame.reserve(kFrameHeaderBytes + bytes.size());
  AppendFrame(FrameKind::kRecord, bytes, entry.frame);
  entry.leaf = LeafHash(bytes);
  return entry;
}

StatusOr<AuditPosition> FileAuditLog::Append(const store::v1::AuditRecord& record) {
  ASSIGN_OR_RETURN(TailEntry entry, Encode(record));
  const auto bytes = static_cast<int64_t>(entry.frame.size());
  AuditPosition position;
  position.leaf_hash = std::string(AsBytes(entry.leaf));
  std::shared_ptr<Batch> batch;
  size_t slot = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closing_) return Unavailable("the audit log is closing");
    if (waiting_bytes_ + bytes > options_.max_waiting_bytes) {
      return ResourceExhausted("{} bytes of audit records wait for the disk, the limit is {}: the "
                               "disk is too slow, or stuck",
                               waiting_bytes_, options_.max_waiting_bytes);
    }
    waiting_bytes_ += bytes;
    batch = open_batch_;
    slot = batch->entries.size();
    batch->entries.push_back(std::move(entry));
    if (batch->entries.size() == kMaxRecordsPerCommit) {
      full_batches_.push_back(std::exchange(open_batch_, std::make_shared<Batch>()));
    }
  }
  if (!batch->done.Wait(options_.max_wait)) {
    return Unavailable("the audit log's storage ({}) has not answered for {}: nothing is answered "
                       "without a durable record",
                       options_.folder, absl::FormatDuration(options_.max_wait));
  }
  if (!batch->status.ok()) return batch->status;
  position.index = batch->first_index + slot;
  return position;
}

std::shared_ptr<Batch> FileAuditLog::TakeBatch() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](FileAuditLog* log) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return log->closing_ || !log->open_batch_->entries.empty() || !log->full_batches_.empty();
      },
      this));
  std::shared_ptr<Batch> batch;
  if (!full_batches_.empty()) {
    batch = std::move(full_batches_.front());
    full_batches_.erase(full_batches_.begin());
  } else if (!open_batch_->entries.empty()) {
    batch = std::exchange(open_batch_, std::make_shared<Batch>());
  }
  return batch;
}

void FileAuditLog::CommitBatch(Batch& batch) {
  int64_t bytes = 0;
  for (const TailEntry& entry : batch.entries) bytes += static_cast<int64_t>(entry.frame.size());
  batch.first_index = tail_.head().size;
  batch.status = tail_.Commit(batch.entries);
  absl::MutexLock lock(&mu_);
  waiting_bytes_ -= bytes;
  head_ = tail_.head();
  if (segments_.back() != tail_.segment_first()) segments_.push_back(tail_.segment_first());
}

void FileAuditLog::RunCommitter() {
  // Everything accepted is committed before the log closes: its appenders wait for an answer.
  bool failing = false;
  while (const std::shared_ptr<Batch> batch = TakeBatch()) {
    CommitBatch(*batch);
    if (batch->status.ok() == failing) {  // said once, not for every request of an outage
      failing = !failing;
      if (failing) LogError("audit log: records are refused: {}", StatusMessage(batch->status));
      if (!failing) LogInfo("audit log: records are taken again");
    }
    batch->done.Set();
  }
}

std::string FileAuditLog::SegmentOf(uint64_t index) const {
  absl::MutexLock lock(&mu_);
  return paths_.Segment(*std::prev(std::upper_bound(segments_.begin(), segments_.end(), index)));
}

StatusOr<StoredAuditRecord> FileAuditLog::Get(uint64_t index) const {
  const uint64_t count = size();
  if (index >= count) return NotFound("there is no audit record {}; the log has {}", index, count);
  const std::string path = SegmentOf(index);
  std::string bytes;
  RETURN_IF_ERROR(ReadAt(offsets_.get(), paths_.Offsets(), index * sizeof(uint64_t),
                         sizeof(uint64_t), bytes));
  uint64_t offset = 0;
  std::string_view rest = bytes;
  TakeInteger(rest, offset);
  UniqueFd segment(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!segment.valid()) return ErrnoStatus("cannot open", path);
  RETURN_IF_ERROR(ReadAt(segment.get(), path, offset, kFrameHeaderBytes, bytes));
  ASSIGN_OR_RETURN(const size_t payload_bytes, FramePayloadBytes(bytes));
  RETURN_IF_ERROR(ReadAt(segment.get(), path, offset, kFrameHeaderBytes + payload_bytes, bytes));
  const StatusOr<std::string_view> payload = CheckFrame(bytes, FrameKind::kRecord);
  if (!payload.ok()) {
    return DataLoss("record {} in {} at byte {}: {}", index, path, offset,
                    StatusMessage(payload.status()));
  }
  const TreeHash leaf = LeafHash(*payload);
  ASSIGN_OR_RETURN(const TreeHash stored, hash_reader()(StoredHashIndex(0, index)));
  StoredAuditRecord result;
  result.position = {index, std::string(AsBytes(leaf))};
  if (leaf != stored ||
      !result.record.ParseFromArray(payload->data(), static_cast<int>(payload->size()))) {
    return DataLoss("record {} in {} at byte {} is not the one that was appended", index, path,
                    offset);
  }
  return result;
}

StatusOr<InclusionProof> FileAuditLog::ProveInclusion(uint64_t index) const {
  const SignedHead now = head();
  if (index >= now.size) {
    return NotFound("there is no audit record {}; the log has {}", index, now.size);
  }
  const HashReader reader = hash_reader();
  ASSIGN_OR_RETURN(const std::vector<TreeHash> path, InclusionPath(index, now.size, reader));
  ASSIGN_OR_RETURN(const TreeHash leaf, reader(StoredHashIndex(0, index)));
  InclusionProof proof{now.size, std::string(AsBytes(leaf)), std::string(AsBytes(now.root)),
                       ToStrings(path)};
  if (!VerifyInclusion(index, proof.tree_size, proof.leaf_hash, proof.root_hash, proof.path)) {
    return DataLoss("the stored hashes do not prove record {}: run the verification", index);
  }
  return proof;
}

StatusOr<ConsistencyProof> FileAuditLog::ProveConsistency(uint64_t first_size) const {
  const SignedHead now = head();
  if (first_size == 0 || first_size > now.size) {
    return InvalidArgument("expected a tree size from 1 to {}, found {}", now.size, first_size);
  }
  const HashReader reader = hash_reader();
  ASSIGN_OR_RETURN(const std::vector<TreeHash> path, ConsistencyPath(first_size, now.size, reader));
  ASSIGN_OR_RETURN(const TreeHash first_root, RootFromStored(first_size, reader));
  ConsistencyProof proof{first_size, now.size, std::string(AsBytes(first_root)),
                         std::string(AsBytes(now.root)), ToStrings(path)};
  if (!VerifyConsistency(first_size, now.size, proof.first_root, proof.second_root, proof.path)) {
    return DataLoss("the stored hashes do not prove the log's growth from {} records", first_size);
  }
  return proof;
}

StatusOr<AuditVerification> FileAuditLog::Verify() const {
  const uint64_t acknowledged = size();
  ASSIGN_OR_RETURN(AuditVerification result, VerifyAuditFolder(options_.folder, key_.ToText()));
  if (result.records < acknowledged) {
    result.problems.push_back(fmt::format("{} records were acknowledged, the files hold {}",
                                          acknowledged, result.records));
  }
  return result;
}

StatusOr<UniqueFd> OpenForReading(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("cannot open", path);
  return fd;
}

}  // namespace

StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const AuditLogOptions& options) {
  if (options.max_record_bytes <= 0 ||
      options.max_record_bytes > static_cast<int64_t>(kMaxFramePayloadBytes) ||
      options.min_free_bytes < 0 || options.segment_bytes <= 0 || options.max_waiting_bytes <= 0) {
    return InvalidArgument("audit log options: expected 0 < max_record_bytes <= {}, and no "
                           "negative limit",
                           kMaxFramePayloadBytes);
  }
  RETURN_IF_ERROR(MakeDirectories(options.folder, 0700));
  if (::chmod(options.folder.c_str(), 0700) != 0) {
    return ErrnoStatus("cannot chmod", options.folder);
  }
  ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Acquire(options.folder));
  ASSIGN_OR_RETURN(LogTail::State state, RecoverLog(options.folder));
  const LogPaths paths = state.paths;
  CheckpointKey key = state.key;
  ASSIGN_OR_RETURN(std::vector<uint64_t> segments, ListSegments(paths));
  const LogTail::Limits limits{static_cast<uint64_t>(options.min_free_bytes),
                               static_cast<uint64_t>(options.segment_bytes)};
  ASSIGN_OR_RETURN(LogTail tail, LogTail::Create(std::move(state), limits));
  ASSIGN_OR_RETURN(UniqueFd hashes, OpenForReading(paths.Hashes()));
  ASSIGN_OR_RETURN(UniqueFd offsets, OpenForReading(paths.Offsets()));
  return std::unique_ptr<AuditLog>(new FileAuditLog(options, std::move(lock), std::move(tail),
                                                    std::move(key), std::move(hashes),
                                                    std::move(offsets), std::move(segments)));
}

}  // namespace hadal::auth
