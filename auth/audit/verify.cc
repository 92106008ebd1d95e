#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/time/clock.h"
#include "auth/audit/log_files.h"
#include "auth/audit_log.h"
#include "auth/folder/little_endian.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr size_t kMaxProblems = 100;
constexpr size_t kCompareBytes = 1 << 20;

/// Compares a derived file with what it must contain, in order, through a bounded buffer.
class FileComparison {
 public:
  explicit FileComparison(std::string path) : path_(std::move(path)) {
    fd_.Reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  }
  void Expect(std::string_view bytes) {
    expected_.append(bytes);
    if (expected_.size() >= kCompareBytes) Compare();
  }
  /// Ends the comparison: what is wrong, or empty; bytes beyond the expected end are counted.
  std::string Finish(uint64_t& extra_bytes) {
    Compare();
    extra_bytes = 0;
    // A log without records may not have it yet.
    if (!fd_.valid()) return position_ == 0 ? "" : fmt::format("{} cannot be opened", path_);
    const StatusOr<uint64_t> bytes = FileBytes(fd_.get(), path_);
    if (bytes.ok() && *bytes > position_) extra_bytes = *bytes - position_;
    return problem_;
  }

 private:
  void Compare() {
    std::string found;
    const size_t size = expected_.size();
    if (fd_.valid() && problem_.empty()) {
      const Status status = ReadAt(fd_.get(), path_, position_, size, found);
      const auto difference = std::mismatch(found.begin(), found.end(), expected_.begin());
      if (!status.ok()) {
        problem_ = StatusMessage(status) + ": it lacks entries (rebuilt at the next start)";
      } else if (difference.first != found.end()) {
        problem_ = fmt::format("{} differs from the log at byte {}", path_,
                               position_ + static_cast<size_t>(difference.first - found.begin()));
      }
    }
    position_ += size;
    expected_.clear();
  }

  const std::string path_;
  UniqueFd fd_;
  uint64_t position_ = 0;
  std::string expected_;
  std::string problem_;
};

/// One verification of a folder; see format.md, "Verification".
class Verifier {
 public:
  Verifier(LogPaths paths, CheckpointKey key)
      : paths_(std::move(paths)),
        key_(std::move(key)),
        hashes_(paths_.Hashes()),
        offsets_(paths_.Offsets()) {}

  AuditVerification Run() {
    ReadCheckpointFile();
    const StatusOr<std::vector<uint64_t>> segments = ListSegments(paths_);
    if (!segments.ok()) {
      Problem(StatusMessage(segments.status()));
    } else if (segments->empty() || segments->front() != 0) {
      Problem(fmt::format("{} is missing", paths_.Segment(0)));
    } else {
      ScanSegments(*segments);
    }
    CheckHeads();
    CheckDerived();
    CheckSigningKey();
    NoteStrangers();
    result_.records = tree_.size();
    result_.root_hash = std::string(AsBytes(tree_.Root()));
    return std::move(result_);
  }

 private:
  void Problem(std::string text) {
    if (result_.problems.size() < kMaxProblems) result_.problems.push_back(std::move(text));
  }
  void Note(std::string text) { result_.notes.push_back(std::move(text)); }

  // Read before the log: a log that grows meanwhile stays ahead of it. A reader may meet the moment
  // in which the file is overwritten, so one that cannot be read is read again.
  void ReadCheckpointFile() {
    StatusOr<SignedHead> head = ReadCheckpoint(paths_, key_);
    for (int attempt = 0; !head.ok() && attempt < 2; ++attempt) {
      absl::SleepFor(absl::Milliseconds(5));
      head = ReadCheckpoint(paths_, key_);
    }
    if (head.ok()) {
      checkpoint_ = *std::move(head);
    } else {
      Problem(StatusMessage(head.status()));
    }
  }

  void ScanSegments(const std::vector<uint64_t>& segments) {
    const ScanVisitor visitor{.on_record = [this](const ScannedRecord& r) { OnRecord(r); },
                              .on_commit = [this](const SignedHead& h) { OnCommit(h); }};
    uint64_t previous_bytes = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::string path = paths_.Segment(segments[i]);
      if (tree_.size() != segments[i]) {
        Problem(fmt::format("{} starts at record {}, the log before it has {}", path, segments[i],
                            tree_.size()));
        return;
      }
      const StatusOr<SegmentScan> scan = ScanSegment(path, key_.name, tree_, visitor);
      if (!scan.ok()) return Problem(StatusMessage(scan.status()));
      const bool last = i + 1 == segments.size();
      CheckTail(path, *scan, last);
      if (!scan->last_head.has_value()) return;
      const SegmentHeader& header = scan->header;
      if (header.previous_bytes != previous_bytes ||
          header.previous_first_index != (i == 0 ? 0 : segments[i - 1])) {
        Problem(fmt::format("{} follows another segment than the one before it", path));
      }
      previous_bytes = scan->committed_bytes;
      last_head_ = scan->last_head;
    }
  }

  void CheckTail(const std::string& path, const SegmentScan& scan, bool last) {
    if (scan.uncommitted_bytes == 0 && scan.damage.empty()) return;
    const std::string text = fmt::format(
        "{}: after record {}, at byte {}: {} ({} bytes)", path, tree_.size(), scan.committed_bytes,
        scan.damage.empty() ? "records without a commit" : scan.damage, scan.uncommitted_bytes);
    const bool acknowledged = checkpoint_.has_value() && checkpoint_->size <= tree_.size();
    if (last && scan.last_head.has_value() && acknowledged) {
      Note(text + ", never acknowledged; cut at the next start");
    } else {
      Problem(text);
    }
  }

  void OnRecord(const ScannedRecord& record) {
    hashes_.Expect({reinterpret_cast<const char*>(record.stored_hashes.data()),
                    record.stored_hashes.size() * sizeof(TreeHash)});
    std::string offset;
    AppendInteger(record.offset, offset);
    offsets_.Expect(offset);
  }

  void OnCommit(const SignedHead& head) {
    if (!checkpoint_.has_value() || head.size != checkpoint_->size) return;
    checkpoint_found_ = true;
    if (head.root != checkpoint_->root) {
      Problem(fmt::format("{}: its root is not that of the {} records it covers",
                          paths_.Checkpoint(), head.size));
    }
  }

  void CheckHeads() {
    if (last_head_.has_value() && !VerifyHead(key_, *last_head_)) {
      Problem(fmt::format("the last commit, at {} records, is not signed by the log's key",
                          last_head_->size));
    }
    if (!checkpoint_.has_value() || checkpoint_found_) return;
    if (checkpoint_->size > tree_.size()) {
      Problem(fmt::format("{} covers {} records, the log has {}: records are missing",
                          paths_.Checkpoint(), checkpoint_->size, tree_.size()));
    } else {
      Problem(fmt::format("{} covers {} records, where the log has no commit", paths_.Checkpoint(),
                          checkpoint_->size));
    }
  }

  void CheckDerived() {
    for (FileComparison* file : {&hashes_, &offsets_}) {
      uint64_t extra = 0;
      std::string problem = file->Finish(extra);
      if (!problem.empty()) Problem(std::move(problem));
      if (extra != 0) {
        Note(fmt::format("{} has {} bytes beyond the last commit",
                         file == &hashes_ ? paths_.Hashes() : paths_.Offsets(), extra));
      }
    }
  }

  // An auditor need not have the right to read it; whoever has gets it checked as well.
  void CheckSigningKey() {
    const auto signer = Ed25519PrivateKey::ReadPemFile(paths_.SigningKey());
    if (signer.status().code() == StatusCode::kNotFound ||
        signer.status().code() == StatusCode::kPermissionDenied) {
      return;
    }
    if (!signer.ok()) {
      Problem(StatusMessage(signer.status()));
    } else if (signer->public_key() != key_.public_key) {
      Problem(fmt::format("{} is not the key of {}", paths_.SigningKey(), paths_.PublicKey()));
    }
  }

  void NoteStrangers() {
    const std::set<std::string> known = {"signing.key", "public.key", "checkpoint",
                                         "hashes",      "offsets",    "lock"};
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(paths_.folder, error)) {
      const std::string name = entry.path().filename().string();
      if (!known.contains(name) && !name.starts_with("log-")) {
        Note(fmt::format("{} is not a file of the log", entry.path().string()));
      }
    }
  }

  const LogPaths paths_;
  const CheckpointKey key_;
  AuditVerification result_;
  TreeFrontier tree_;
  FileComparison hashes_;
  FileComparison offsets_;
  std::optional<SignedHead> checkpoint_;
  bool checkpoint_found_ = false;
  std::optional<SignedHead> last_head_;
};

}  // namespace

StatusOr<AuditVerification> VerifyAuditFolder(const std::string& folder,
                                              const std::string& trusted_public_key) {
  const LogPaths paths{folder};
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return NotFound("{} is no folder; expected the audit folder of an appliance (DATA/audit)",
                    folder);
  }
  ASSIGN_OR_RETURN(const auto segments, ListSegments(paths));
  const StatusOr<CheckpointKey> key = ReadPublicKey(paths);
  if (segments.empty() && key.status().code() == StatusCode::kNotFound) {
    return NotFound("{} holds no audit log; expected the folder DATA/audit of an appliance",
                    folder);
  }
  if (!key.ok()) {
    return AuditVerification{.root_hash = std::string(AsBytes(EmptyRoot())),
                             .problems = {StatusMessage(key.status())}};
  }
  AuditVerification result = Verifier(paths, *key).Run();
  if (!trusted_public_key.empty() && key->ToText() != trusted_public_key) {
    result.problems.push_back(fmt::format(
        "{} is not the trusted key: the log may have been replaced as a whole", paths.PublicKey()));
  }
  return result;
}

}  // namespace hadal::auth
