#include "retrieval/store/pending_vectors.h"

#include <limits>

#include "base/check.h"

namespace hadal::retrieval {

void PendingVectors::Add(PendingDocument document) {
  absl::MutexLock lock(&mu_);
  const Key key = KeyOf(document);
  CHECK(documents_.emplace(key, std::move(document)).second);
}

void PendingVectors::Remove(Key key) {
  absl::MutexLock lock(&mu_);
  documents_.erase(key);
}

void PendingVectors::RemoveBase(uint32_t base) {
  absl::MutexLock lock(&mu_);
  documents_.erase(documents_.lower_bound({base, 0}),
                   documents_.upper_bound({base, std::numeric_limits<uint64_t>::max()}));
}

bool PendingVectors::Contains(Key key) const {
  absl::MutexLock lock(&mu_);
  return documents_.count(key) != 0;
}

void PendingVectors::Advance(Key key, uint64_t chunks) {
  absl::MutexLock lock(&mu_);
  const auto it = documents_.find(key);
  CHECK(it != documents_.end());
  it->second.embedded += chunks;
  if (it->second.embedded == it->second.chunks.count) documents_.erase(it);
}

int32_t PendingVectors::Chunks(Key key) const {
  absl::MutexLock lock(&mu_);
  const auto it = documents_.find(key);
  if (it == documents_.end()) return 0;
  return static_cast<int32_t>(it->second.chunks.count - it->second.embedded);
}

std::optional<PendingDocument> PendingVectors::Next(Key from) const {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !documents_.empty();
  };
  mu_.Await(absl::Condition(&ready));
  if (stopped_) return std::nullopt;
  auto it = documents_.lower_bound(from);
  if (it == documents_.end()) it = documents_.begin();
  return it->second;
}

bool PendingVectors::Pause(absl::Duration duration) const {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(&stopped_), duration);
}

void PendingVectors::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
}

}  // namespace hadal::retrieval
