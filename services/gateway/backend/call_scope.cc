#include "services/gateway/backend/call_scope.h"

#include <grpcpp/server_context.h>

#include <utility>

namespace hadal::gateway {

void CallScope::Cancel() {
  // Cancellers run under the lock so that none runs after its attachment is gone; they only mark a
  // call as cancelled and never come back here.
  absl::MutexLock lock(&mu_);
  if (cancelled_) return;
  cancelled_ = true;
  for (const auto& [id, cancel] : cancellers_) cancel();
  cancellers_.clear();
}

bool CallScope::cancelled() const {
  if (server_call_ != nullptr && server_call_->IsCancelled()) return true;
  absl::MutexLock lock(&mu_);
  return cancelled_;
}

Status CallScope::Check() const {
  return cancelled() ? Cancelled("the caller went away") : OkStatus();
}

CallScope::Attachment::Attachment(CallScope& scope, std::function<void()> cancel) : scope_(scope) {
  absl::MutexLock lock(&scope_.mu_);
  id_ = scope_.next_id_++;
  if (scope_.cancelled_) {
    cancel();
  } else {
    scope_.cancellers_.emplace(id_, std::move(cancel));
  }
}

CallScope::Attachment::~Attachment() {
  absl::MutexLock lock(&scope_.mu_);
  scope_.cancellers_.erase(id_);
}

}  // namespace hadal::gateway
