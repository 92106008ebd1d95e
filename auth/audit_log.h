#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/store/v1/audit_record.pb.h"

namespace hadal::auth {

struct AuditLogOptions {
  std::string folder;
  int64_t min_free_bytes = int64_t{64} << 20;  ///< appends are refused below it
  int64_t max_record_bytes = int64_t{1} << 20;
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
  std::string root_hash;  ///< 32 raw bytes
  std::vector<std::string> problems;  ///< empty: all of it holds
};

struct InclusionProof {
  uint64_t tree_size = 0;
  std::string leaf_hash;
  std::string root_hash;
  std::vector<std::string> path;
};

/// The append-only log of every request: records with checksums in one file, leaf hashes beside it,
/// an Ed25519-signed checkpoint (C2SP tlog-checkpoint) of the tree's root. The format is in
/// auth/audit/format.md. Thread-safe; appends of many threads share one fsync.
class AuditLog {
 public:
  /// Repairs a torn last record (one that was never acknowledged); DATA_LOSS on any other damage.
  static StatusOr<std::unique_ptr<AuditLog>> Open(const AuditLogOptions& options);
  virtual ~AuditLog() = default;

  /// Durable (fdatasync) when it returns OK. On any error the caller must not answer.
  virtual StatusOr<AuditPosition> Append(const store::v1::AuditRecord& record) = 0;
  virtual uint64_t size() const = 0;
  virtual StatusOr<StoredAuditRecord> Get(uint64_t index) const = 0;
  virtual StatusOr<InclusionProof> ProveInclusion(uint64_t index) const = 0;
  /// Recomputes every leaf and the tree from the files, while appends go on.
  virtual StatusOr<AuditVerification> Verify() const = 0;
};

/// The same from the files alone, for a log that no process has open.
StatusOr<AuditVerification> VerifyAuditFolder(const std::string& folder);

}  // namespace hadal::auth
