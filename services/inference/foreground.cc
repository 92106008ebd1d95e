#include "services/inference/foreground.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace hadal::inference_service {
namespace {

// Longer than the gateway takes between the calls of one answer.
constexpr absl::Duration kQuiet = absl::Milliseconds(100);

}  // namespace

void Foreground::WaitUntilIdle(absl::Duration limit) const {
  const absl::Time end = absl::Now() + limit;
  absl::MutexLock lock(&mu_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return calls_ == 0; };
  const auto busy = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return calls_ > 0; };
  while (mu_.AwaitWithDeadline(absl::Condition(&idle), end)) {
    const absl::Time quiet = last_end_ + kQuiet;
    if (absl::Now() >= std::min(quiet, end)) return;
    // A call that begins within the moment starts the wait again.
    mu_.AwaitWithDeadline(absl::Condition(&busy), std::min(quiet, end));
  }
}

void Foreground::Begin() {
  absl::MutexLock lock(&mu_);
  ++calls_;
}

void Foreground::End() {
  absl::MutexLock lock(&mu_);
  --calls_;
  last_end_ = absl::Now();
}

}  // namespace hadal::inference_service
