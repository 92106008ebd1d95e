#include "services/gateway/filters/quota.h"

#include <algorithm>
#include <utility>

namespace hadal::gateway {

QuotaTicket& QuotaTicket::operator=(QuotaTicket&& other) noexcept {
  if (this != &other) {
    Release();
    limiter_ = std::exchange(other.limiter_, nullptr);
    key_id_ = std::move(other.key_id_);
  }
  return *this;
}

void QuotaTicket::Release() {
  if (limiter_ != nullptr) std::exchange(limiter_, nullptr)->Release(key_id_);
}

QuotaLimiter::QuotaLimiter(const QuotaOptions& options, std::shared_ptr<const Clock> clock)
    : options_(options), clock_(std::move(clock)) {}

void QuotaLimiter::Refill(Bucket& bucket, absl::Time now) const {
  // A clock that was set back must not take tokens away.
  const absl::Duration passed = std::max(now - bucket.refilled, absl::ZeroDuration());
  const double rate = options_.requests_per_minute / 60.0;
  bucket.tokens = std::min<double>(options_.requests_per_minute,
                                   bucket.tokens + absl::ToDoubleSeconds(passed) * rate);
  bucket.refilled = now;
}

void QuotaLimiter::ForgetIdle(absl::Time now) {
  for (auto it = buckets_.begin(); it != buckets_.end();) {
    Refill(it->second, now);
    const bool idle = it->second.running == 0 && it->second.tokens >= options_.requests_per_minute;
    it = idle ? buckets_.erase(it) : std::next(it);
  }
}

QuotaVerdict QuotaLimiter::Take(const std::string& key_id) {
  const absl::Time now = clock_->Now();
  absl::MutexLock lock(&mu_);
  auto found = buckets_.find(key_id);
  if (found == buckets_.end()) {
    if (buckets_.size() >= static_cast<size_t>(options_.max_tracked_keys)) ForgetIdle(now);
    if (buckets_.size() >= static_cast<size_t>(options_.max_tracked_keys)) {
      return {ResourceExhausted("more than {} keys are active; try again in a minute",
                                options_.max_tracked_keys),
              absl::Minutes(1),
              {}};
    }
    const double full = options_.requests_per_minute;
    found = buckets_.emplace(key_id, Bucket{full, now}).first;
  }
  Bucket& bucket = found->second;
  Refill(bucket, now);
  if (bucket.running >= options_.concurrent_requests) {
    return {ResourceExhausted("{} requests of this key are running, which is its limit; "
                              "wait for one to end",
                              bucket.running),
            absl::Seconds(1),
            {}};
  }
  if (bucket.tokens < 1.0) {
    const double seconds = (1.0 - bucket.tokens) * 60.0 / options_.requests_per_minute;
    return {ResourceExhausted("this key's limit of {} requests per minute is reached",
                              options_.requests_per_minute),
            std::max(absl::Seconds(1), absl::Ceil(absl::Seconds(seconds), absl::Seconds(1))),
            {}};
  }
  bucket.tokens -= 1.0;
  ++bucket.running;
  return {OkStatus(), absl::ZeroDuration(), QuotaTicket(this, key_id)};
}

void QuotaLimiter::Release(const std::string& key_id) {
  absl::MutexLock lock(&mu_);
  const auto found = buckets_.find(key_id);
  if (found != buckets_.end()) --found->second.running;
}

}  // namespace hadal::gateway
