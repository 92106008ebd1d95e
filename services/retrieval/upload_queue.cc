#include "services/retrieval/upload_queue.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/log.h"

namespace hadal::retrieval_service {
namespace {

constexpr absl::Duration kLongestPause = absl::Minutes(2);

}  // namespace

void UploadQueue::Start(std::shared_ptr<retrieval::KnowledgeStore> store,
                        std::shared_ptr<retrieval::TokenCounter> tokens) {
  const StatusOr<std::vector<retrieval::UploadTask>> tasks = store->WaitingUploads();
  if (!tasks.ok()) {
    LogError("the files that wait to be read cannot be listed: {}", StatusMessage(tasks.status()));
    return;
  }
  if (!tasks->empty()) LogInfo("{} files wait to be read", tasks->size());
  for (const retrieval::UploadTask& task : *tasks) Add(task, absl::ZeroDuration());
  thread_ = std::thread(
      [this, store = std::move(store), tokens = std::move(tokens)] { Run(*store, *tokens); });
}

void UploadQueue::Add(const retrieval::UploadTask& task, absl::Duration pause) {
  absl::MutexLock lock(&mu_);
  waiting_[task.upload.number] = {task, absl::Now() + pause, pause};
  changed_ = true;
}

void UploadQueue::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<UploadQueue::Waiting> UploadQueue::Next() {
  absl::MutexLock lock(&mu_);
  while (!stopped_) {
    changed_ = false;
    const auto first =
        std::min_element(waiting_.begin(), waiting_.end(),
                         [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
    if (first != waiting_.end() && first->second.due <= absl::Now()) {
      const Waiting next = first->second;
      waiting_.erase(first);
      return next;
    }
    const auto woken = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopped_ || changed_; };
    mu_.AwaitWithDeadline(absl::Condition(&woken),
                          first == waiting_.end() ? absl::InfiniteFuture() : first->second.due);
  }
  return std::nullopt;
}

void UploadQueue::Run(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens) {
  while (const std::optional<Waiting> next = Next()) {
    const IngestOutcome outcome = ingest_->Resume(store, tokens, next->task);
    const std::string& id = next->task.upload.file.document_id;
    if (!outcome.response.ok()) {
      if (!absl::IsCancelled(outcome.response.status())) {
        LogWarning("'{}' waits to be read still: {}", id, StatusMessage(outcome.response.status()));
      }
    } else if (!outcome.response->accepted()) {
      LogWarning("'{}' could not be read: {}", id, outcome.response->reason());
    }
    if (!outcome.again) continue;
    Add(*outcome.again, std::min(std::max(2 * next->pause, kFirstPause), kLongestPause));
  }
}

}  // namespace hadal::retrieval_service
