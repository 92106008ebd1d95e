#include "ops/cli/interruption.h"

#include <pthread.h>
#include <signal.h>

namespace hadal::cli {
namespace {

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interruption::Interruption() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

Interruption::~Interruption() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGTERM);  // wakes it
  thread_.join();
  const sigset_t set = Signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Interruption::Watch() {
  const sigset_t set = Signals();
  while (true) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    requested_ = true;
    for (grpc::ClientContext* call : calls_) call->TryCancel();
  }
}

bool Interruption::requested() const {
  absl::MutexLock lock(&mu_);
  return requested_;
}

bool Interruption::Pause(absl::Duration duration) const {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&requested_), duration);
}

Interruption::Cancels::Cancels(Interruption& interruption, grpc::ClientContext& call)
    : interruption_(interruption), call_(call) {
  absl::MutexLock lock(&interruption_.mu_);
  interruption_.calls_.insert(&call_);
  if (interruption_.requested_) call_.TryCancel();
}

Interruption::Cancels::~Cancels() {
  absl::MutexLock lock(&interruption_.mu_);
  interruption_.calls_.erase(&call_);
}

}  // namespace hadal::cli
