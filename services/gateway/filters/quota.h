#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status.h"

namespace hadal::gateway {

/// Limits of one API key.
struct QuotaOptions {
  int32_t requests_per_minute = 6000;  ///< also the burst: a full minute's worth may come at once
  int32_t concurrent_requests = 64;
  int32_t max_tracked_keys = 100000;  ///< idle keys are forgotten first; above it: refused
};

class QuotaLimiter;

/// A request counted against its key until destroyed. Movable.
class QuotaTicket {
 public:
  QuotaTicket() = default;
  QuotaTicket(QuotaLimiter* limiter, std::string key_id)
      : limiter_(limiter), key_id_(std::move(key_id)) {}
  QuotaTicket(QuotaTicket&& other) noexcept
      : limiter_(std::exchange(other.limiter_, nullptr)), key_id_(std::move(other.key_id_)) {}
  QuotaTicket& operator=(QuotaTicket&& other) noexcept;
  ~QuotaTicket() { Release(); }

 private:
  void Release();
  QuotaLimiter* limiter_ = nullptr;
  std::string key_id_;
};

/// What a key's request met: a ticket, or how long to wait.
struct QuotaVerdict {
  Status status;               ///< OK or RESOURCE_EXHAUSTED
  absl::Duration retry_after;  ///< of a refusal; at least one second
  QuotaTicket ticket;
};

/// Token bucket (requests per minute) and a count of running requests, per key. Thread-safe.
class QuotaLimiter {
 public:
  QuotaLimiter(const QuotaOptions& options, std::shared_ptr<const Clock> clock);
  QuotaVerdict Take(const std::string& key_id);

 private:
  friend class QuotaTicket;
  struct Bucket {
    double tokens;
    absl::Time refilled;
    int32_t running = 0;
  };
  void Release(const std::string& key_id);
  void Refill(Bucket& bucket, absl::Time now) const;
  /// Drops keys that are idle and whose bucket is full: they carry no state.
  void ForgetIdle(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const QuotaOptions options_;
  const std::shared_ptr<const Clock> clock_;
  absl::Mutex mu_;
  std::map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::gateway
