#include "auth/audit/recovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "auth/audit/derived_files.h"
#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "base/log.h"

namespace hadal::auth {
namespace {

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

struct Keys {
  CheckpointKey key;
  Ed25519PrivateKey signer;
};

StatusOr<Keys> MakeKeys(const LogPaths& paths) {
  StatusOr<Ed25519PrivateKey> signer = Ed25519PrivateKey::ReadPemFile(paths.SigningKey());
  if (signer.status().code() == StatusCode::kNotFound) {
    signer = Ed25519PrivateKey::Generate();
    if (signer.ok()) RETURN_IF_ERROR(signer->WritePemFile(paths.SigningKey()));
  }
  if (!signer.ok()) return signer.status();
  // The name an interrupted run gave stays: a segment that it wrote carries it.
  if (StatusOr<CheckpointKey> key = ReadPublicKey(paths);
      key.ok() && key->public_key == signer->public_key()) {
    return Keys{*std::move(key), *std::move(signer)};
  }
  ASSIGN_OR_RETURN(const std::string unique, RandomBytes(8));
  CheckpointKey key{fmt::format("hadal.local/audit/{}", HexEncode(unique)), signer->public_key()};
  RETURN_IF_ERROR(WriteFileAtomic(paths.PublicKey(), key.ToText(), 0644));
  return Keys{std::move(key), *std::move(signer)};
}

StatusOr<Keys> ReadKeys(const LogPaths& paths) {
  const StatusOr<CheckpointKey> key = ReadPublicKey(paths);
  StatusOr<Ed25519PrivateKey> signer = Ed25519PrivateKey::ReadPemFile(paths.SigningKey());
  for (const Status& status : {key.status(), signer.status()}) {
    if (!status.ok()) {
      return DataLoss("the log's key cannot be used: {}", StatusMessage(status));
    }
  }
  if (signer->public_key() != key->public_key) {
    return DataLoss("{} and {} do not belong together", paths.SigningKey(), paths.PublicKey());
  }
  return Keys{*key, *std::move(signer)};
}

// The checkpoint is the last file a new log gets: without it and without records, nothing was ever
// acknowledged here.
StatusOr<bool> IsNew(const LogPaths& paths, const std::vector<uint64_t>& segments) {
  if (Exists(paths.Checkpoint())) return false;
  if (segments.empty()) return true;
  const auto key = ReadPublicKey(paths);
  if (segments.size() == 1 && segments[0] == 0 && key.ok()) {
    TreeFrontier tree;
    ASSIGN_OR_RETURN(const SegmentScan scan, ScanSegment(paths.Segment(0), key->name, tree, {}));
    if (tree.size() == 0 && scan.last_head.has_value() && scan.uncommitted_bytes == 0) return true;
  }
  return DataLoss("{} is missing but the log has records", paths.Checkpoint());
}

StatusOr<LogTail::State> MakeLog(const LogPaths& paths) {
  ASSIGN_OR_RETURN(Keys keys, MakeKeys(paths));
  ASSIGN_OR_RETURN(SignedHead head, SignHead(keys.key, keys.signer, 0, EmptyRoot()));
  RETURN_IF_ERROR(WriteNewSegment(paths, {.origin = keys.key.name}, head));
  RETURN_IF_ERROR(WriteFileAtomic(paths.Checkpoint(), CheckpointText(keys.key, head), 0644));
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(paths.Segment(0), error);
  if (error) return Unavailable("cannot stat {}: {}", paths.Segment(0), error.message());
  return LogTail::State{paths, std::move(keys.key), std::move(keys.signer), {}, std::move(head),
                        0,     bytes};
}

// Every closed segment is there in full length; their content is Verify()'s to check.
Status CheckChain(const LogPaths& paths, const std::vector<uint64_t>& segments,
                  const std::string& origin) {
  if (segments.empty() || segments[0] != 0) {
    return DataLoss("{} is missing", paths.Segment(0));
  }
  for (size_t i = 0; i < segments.size(); ++i) {
    ASSIGN_OR_RETURN(const SegmentStart start,
                     ReadSegmentStart(paths.Segment(segments[i]), origin));
    if (i == 0) continue;
    const SegmentHeader& header = start.header;
    const std::string previous = paths.Segment(header.previous_first_index);
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(previous, error);
    if (header.previous_first_index != segments[i - 1] || error || bytes != header.previous_bytes) {
      return DataLoss("{} is missing or has not its {} bytes", previous, header.previous_bytes);
    }
  }
  return OkStatus();
}

// The tree before the active segment, from the stored hashes where these give the root that the
// segment starts with, else rebuilt from the closed segments.
StatusOr<TreeFrontier> TreeBefore(const LogPaths& paths, const std::vector<uint64_t>& segments,
                                  const std::string& origin, DerivedFiles& derived) {
  const uint64_t first = segments.back();
  ASSIGN_OR_RETURN(const SegmentStart start, ReadSegmentStart(paths.Segment(first), origin));
  const StatusOr<TreeFrontier> stored = TreeFrontier::Load(first, derived.hash_reader());
  if (stored.ok() && stored->Root() == start.head.root && derived.has_offsets(first)) {
    return *stored;
  }
  LogWarning(
      "audit log: the stored hashes or offsets are damaged; rebuilding them from {} segments",
      segments.size() - 1);
  TreeFrontier tree;
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    ASSIGN_OR_RETURN(const SegmentScan scan,
                     ScanSegment(paths.Segment(segments[i]), origin, tree, derived.visitor()));
    if (!scan.damage.empty() || scan.uncommitted_bytes != 0 || tree.size() != segments[i + 1]) {
      return DataLoss("{}: found {} at byte {}", paths.Segment(segments[i]),
                      scan.damage.empty() ? "uncommitted records" : scan.damage,
                      scan.committed_bytes);
    }
  }
  RETURN_IF_ERROR(derived.Flush());
  return tree;
}

// Whether the checkpoint names a state this log has been in.
Status CheckAgainstCheckpoint(const LogPaths& paths, const SignedHead& checkpoint,
                              const LogTail::State& state, const SegmentScan& scan,
                              const HashReader& reader) {
  if (checkpoint.size > state.head.size) {
    return DataLoss(
        "the checkpoint covers {} records, the log has {} ({} in {} at byte {}): acknowledged "
        "records are damaged or were removed",
        checkpoint.size, state.head.size, scan.damage.empty() ? "its end" : scan.damage,
        paths.Segment(state.segment_first), scan.committed_bytes);
  }
  ASSIGN_OR_RETURN(const TreeHash root, RootFromStored(checkpoint.size, reader));
  if (root != checkpoint.root) {
    return DataLoss("the checkpoint's root at {} records is not the log's", checkpoint.size);
  }
  return OkStatus();
}

StatusOr<LogTail::State> ReadLog(const LogPaths& paths, const std::vector<uint64_t>& segments) {
  ASSIGN_OR_RETURN(Keys keys, ReadKeys(paths));
  const std::string origin = keys.key.name;
  ASSIGN_OR_RETURN(const SignedHead checkpoint, ReadCheckpoint(paths, keys.key));
  RETURN_IF_ERROR(CheckChain(paths, segments, origin));
  ASSIGN_OR_RETURN(const auto derived, DerivedFiles::Open(paths));
  ASSIGN_OR_RETURN(TreeFrontier tree, TreeBefore(paths, segments, origin, *derived));
  const std::string active = paths.Segment(segments.back());
  ASSIGN_OR_RETURN(const SegmentScan scan, ScanSegment(active, origin, tree, derived->visitor()));
  RETURN_IF_ERROR(derived->Flush());
  if (!scan.last_head.has_value()) {
    return DataLoss("{}: found {} at its start", active, scan.damage);
  }
  LogTail::State state{paths, std::move(keys.key), std::move(keys.signer), std::move(tree),
                       *scan.last_head, segments.back(), scan.committed_bytes};
  RETURN_IF_ERROR(
      CheckAgainstCheckpoint(paths, checkpoint, state, scan, derived->hash_reader()));
  if (!VerifyHead(state.key, state.head)) {
    return DataLoss("{}: the last commit, at {} records, is not signed by this log's key", active,
                    state.head.size);
  }
  if (scan.uncommitted_bytes > 0) {
    LogWarning("audit log: cutting {} bytes after record {} ({}): written when the process ended, "
               "never acknowledged",
               scan.uncommitted_bytes, state.head.size,
               scan.damage.empty() ? "records without a commit" : scan.damage);
  }
  if (derived->repaired_entries() > 0) {
    LogWarning("audit log: rebuilt {} entries of hashes and offsets", derived->repaired_entries());
  }
  return state;
}

StatusOr<LogTail::State> MakeOrRead(const LogPaths& paths) {
  ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(paths));
  ASSIGN_OR_RETURN(const bool is_new, IsNew(paths, segments));
  return is_new ? MakeLog(paths) : ReadLog(paths, segments);
}

}  // namespace

StatusOr<LogTail::State> RecoverLog(const std::string& folder) {
  const LogPaths paths{folder};
  StatusOr<LogTail::State> state = MakeOrRead(paths);
  if (state.status().code() == StatusCode::kDataLoss) {
    return DataLoss(
        "the audit log is damaged: {}. Nothing was changed: run `hadal-verify {}` to see all of "
        "the damage, and restore the folder from a backup",
        StatusMessage(state.status()), folder);
  }
  return state;
}

}  // namespace hadal::auth
