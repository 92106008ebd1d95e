#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/audit/checkpoint.h"
#include "auth/audit/log_files.h"
#include "auth/audit/merkle.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal::auth {

/// One record on its way into the log.
struct TailEntry {
  std::string frame;  ///< the whole record frame
  TreeHash leaf;
};

/// The writing end of the log: the active segment, the derived files and the checkpoint. Confined
/// to the committer thread.
class LogTail {
 public:
  /// State that recovery established.
  struct State {
    LogPaths paths;
    CheckpointKey key;
    Ed25519PrivateKey signer;
    TreeFrontier tree;
    SignedHead head;             ///< of `tree`
    uint64_t segment_first = 0;  ///< first record index of the active segment
    uint64_t segment_bytes = 0;  ///< its length
  };
  struct Limits {
    uint64_t min_free_bytes;
    uint64_t segment_bytes;
  };
  static StatusOr<LogTail> Create(State state, const Limits& limits);

  /// Appends all entries under one signed commit and makes them and the checkpoint durable. On an
  /// error none of them is in the log, and the next call first puts the files back to that.
  Status Commit(const std::vector<TailEntry>& entries);

  const SignedHead& head() const { return state_.head; }
  uint64_t segment_first() const { return state_.segment_first; }
  /// Makes the derived files durable as well: nothing to rebuild at the next start.
  Status Close();

 private:
  LogTail(State state, const Limits& limits) : state_(std::move(state)), limits_(limits) {}

  Status OpenFiles();
  Status CheckStorage(uint64_t bytes) const;
  Status RollSegment();
  Status WriteCommit(const std::vector<TailEntry>& entries, const std::vector<TreeHash>& stored,
                     const SignedHead& head);
  Status WriteCheckpoint(const SignedHead& head);
  /// Takes back what a failed Commit() may have left in the files.
  Status Repair();

  State state_;
  Limits limits_;
  UniqueFd segment_;
  UniqueFd hashes_;
  UniqueFd offsets_;
  UniqueFd checkpoint_;
  bool needs_repair_ = false;
};

/// Header and first commit frame of a new segment, written so that it is there whole or not at all.
Status WriteNewSegment(const LogPaths& paths, const SegmentHeader& header, const SignedHead& head);

}  // namespace hadal::auth
