#include "inference/engine/mailbox.h"

#include <utility>

namespace hadal::inference {

Status Mailbox::Post(std::unique_ptr<Sequence> sequence) {
  absl::MutexLock lock(&mu_);
  if (closed_) return Unavailable("the engine is shutting down; try again later");
  if (backlog_ + static_cast<int32_t>(posted_.size()) >= capacity_) {
    return ResourceExhausted("{} requests wait already, the limit (max_waiting); try again later",
                             capacity_);
  }
  posted_.push_back(std::move(sequence));
  return OkStatus();
}

bool Mailbox::Take(bool wait, std::vector<std::unique_ptr<Sequence>>& posted) {
  absl::MutexLock lock(&mu_);
  if (wait) {
    mu_.Await(absl::Condition(
        +[](Mailbox* box)
             ABSL_NO_THREAD_SAFETY_ANALYSIS { return box->closed_ || !box->posted_.empty(); },
        this));
  }
  if (closed_) return false;
  backlog_ += static_cast<int32_t>(posted_.size());
  posted = std::exchange(posted_, {});
  return true;
}

void Mailbox::SetBacklog(int32_t backlog) {
  absl::MutexLock lock(&mu_);
  backlog_ = backlog;
}

int32_t Mailbox::num_posted() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int32_t>(posted_.size());
}

std::vector<std::unique_ptr<Sequence>> Mailbox::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
  return std::exchange(posted_, {});
}

}  // namespace hadal::inference
