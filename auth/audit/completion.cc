#include "auth/audit/completion.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "absl/time/clock.h"

namespace hadal::auth {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
              std::atomic<uint32_t>::is_always_lock_free);

uint32_t* Address(const std::atomic<uint32_t>& word) {
  return reinterpret_cast<uint32_t*>(const_cast<std::atomic<uint32_t>*>(&word));
}

}  // namespace

void Completion::Set() {
  done_.store(1, std::memory_order_release);
  ::syscall(SYS_futex, Address(done_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool Completion::Wait(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  while (done_.load(std::memory_order_acquire) == 0) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    // A wall clock that jumps is seen at the next turn, at most a second later.
    const std::timespec slice = absl::ToTimespec(std::min(left, absl::Seconds(1)));
    ::syscall(SYS_futex, Address(done_), FUTEX_WAIT_PRIVATE, 0, &slice, nullptr, 0);
  }
  return true;
}

}  // namespace hadal::auth
