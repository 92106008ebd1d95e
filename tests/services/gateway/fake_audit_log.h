#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/audit_log.h"
#include "auth/crypto/digest.h"

namespace hadal::gateway::testing {

/// Keeps records in memory; fails while told to. Thread-safe.
class FakeAuditLog final : public auth::AuditLog {
 public:
  StatusOr<auth::AuditPosition> Append(const store::v1::AuditRecord& record) override {
    absl::MutexLock lock(&mu_);
    if (fail_after_ == 0) return Unavailable("no space left on the audit volume");
    if (fail_after_ > 0) --fail_after_;
    records_.push_back(record);
    return auth::AuditPosition{records_.size() - 1, auth::Sha256(record.SerializeAsString())};
  }
  uint64_t size() const override {
    absl::MutexLock lock(&mu_);
    return records_.size();
  }
  StatusOr<auth::StoredAuditRecord> Get(uint64_t index) const override {
    absl::MutexLock lock(&mu_);
    if (index >= records_.size()) return NotFound("no record {}", index);
    return auth::StoredAuditRecord{{index, auth::Sha256(records_[index].SerializeAsString())},
                                   records_[index]};
  }
  StatusOr<auth::InclusionProof> ProveInclusion(uint64_t) const override {
    return Unimplemented("the fake has no tree");
  }
  StatusOr<auth::ConsistencyProof> ProveConsistency(uint64_t) const override {
    return Unimplemented("the fake has no tree");
  }
  std::string Checkpoint() const override { return ""; }
  StatusOr<auth::AuditVerification> Verify() const override {
    return Unimplemented("the fake has no tree");
  }

  /// Appends succeed `count` more times, then fail; negative: always succeed.
  void FailAfter(int count) {
    absl::MutexLock lock(&mu_);
    fail_after_ = count;
  }
  std::vector<store::v1::AuditRecord> records() const {
    absl::MutexLock lock(&mu_);
    return records_;
  }

 private:
  mutable absl::Mutex mu_;
  int fail_after_ ABSL_GUARDED_BY(mu_) = -1;
  std::vector<store::v1::AuditRecord> records_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::gateway::testing
