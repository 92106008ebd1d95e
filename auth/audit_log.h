#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/status.h"
#include "hadal/store/v1/audit_record.pb.h"

namespace hadal::auth {

struct AuditLogOptions {
  std::string folder;
  int64_t min_free_bytes = int64_t{64} << 20;  ///< appends are refused below it
  int64_t max_record_bytes = int64_t{1} << 20;
  int64_t segment_bytes = int64_t{64} << 20;     ///< a segment file above it is closed
  int64_t max_waiting_bytes = int64_t{64} << 20;  ///< appends beyond it are refused, not queued
  absl::Duration max_wait = absl::Seconds(30);    ///< of one append for a storage that hangs
};

struct AuditPosition {
  uint64_t index = 0;
  std::string leaf_hash;  ///< 32 raw bytes, RFC 9162 §2.1.1: SHA-256(0x00 || record)
};

struct StoredAuditRecord {
  AuditPosition position;
  store::v1::AuditRecord record;
};

struct AuditVerification {
  uint64_t records = 0;
  std::string root_hash;              ///< 32 raw bytes
  std::vector<std::string> problems;  ///< empty: all of it holds
  /// No problems: a tail that was never acknowledged (the trace of a crash; the next Open() cuts
  /// it), files that are not the log's.
  std::vector<std::string> notes;
};

struct InclusionProof {
  uint64_t tree_size = 0;
  std::string leaf_hash;
  std::string root_hash;
  std::vector<std::string> path;  ///< leaf to root, RFC 9162 §2.1.3.1
};

/// The tree of `first_size` records is a prefix of that of `second_size` (RFC 9162 §2.1.4.1).
struct ConsistencyProof {
  uint64_t first_size = 0;
  uint64_t second_size = 0;
  std::string first_root;
  std::string second_root;
  std::vector<std::string> path;
};

/// The append-only log of every request: records with checksums in segment files, the hashes of the
/// Merkle tree beside them, an Ed25519-signed checkpoint (C2SP tlog-checkpoint) of the tree's root.
/// The format is in auth/audit/format.md. Thread-safe; appends of many threads share one commit.
class AuditLog {
 public:
  /// Makes an empty log with a signing key of its own where `options.folder` has none. Cuts a tail
  /// that was never acknowledged (and says so in the process log), rebuilds derived files;
  /// DATA_LOSS on any other damage. FAILED_PRECONDITION while another process has it open.
  static StatusOr<std::unique_ptr<AuditLog>> Open(const AuditLogOptions& options);
  virtual ~AuditLog() = default;

  /// Durable (fdatasync) when it returns OK. On any error the caller must not answer:
  /// RESOURCE_EXHAUSTED when space or the waiting room ran out, INVALID_ARGUMENT for a record above
  /// max_record_bytes, UNAVAILABLE when the storage failed or has not answered for max_wait (the
  /// record may then still become part of the log). Each append tries anew, so the log works again
  /// when its storage does.
  virtual StatusOr<AuditPosition> Append(const store::v1::AuditRecord& record) = 0;
  virtual uint64_t size() const = 0;
  virtual StatusOr<StoredAuditRecord> Get(uint64_t index) const = 0;
  virtual StatusOr<InclusionProof> ProveInclusion(uint64_t index) const = 0;
  virtual StatusOr<ConsistencyProof> ProveConsistency(uint64_t first_size) const = 0;
  /// The signed checkpoint of the newest acknowledged state, in C2SP tlog-checkpoint form.
  virtual std::string Checkpoint() const = 0;
  /// Recomputes every leaf and the tree from the files, while appends go on.
  virtual StatusOr<AuditVerification> Verify() const = 0;
};

/// The same from the files alone; another process may be appending. `trusted_public_key`: content
/// of the log's public.key as kept elsewhere (without it, whoever can replace every file of the
/// folder can replace the key as well). NOT_FOUND when there is no log in `folder`.
StatusOr<AuditVerification> VerifyAuditFolder(const std::string& folder,
                                              const std::string& trusted_public_key = "");

}  // namespace hadal::auth
