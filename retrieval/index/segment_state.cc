#include "retrieval/index/segment_state.h"

#include <numeric>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

// All filters of one segment together; beyond it the memory starts afresh. 8 MiB hold fourteen
// filters that open all of 131,072 slots, or hundreds that open few.
constexpr size_t kMaxAllowedBytes = size_t{8} << 20;

}  // namespace

void SegmentState::Revive(uint32_t first, uint32_t end, const Label& label) {
  if (first >= end) return;
  CHECK(end <= segment_.size());
  if (classes_.size() < end) classes_.resize(end, kDead);
  const absl::Span<const uint32_t> lengths = segment_.lengths().subspan(first, end - first);
  const uint64_t terms = std::accumulate(lengths.begin(), lengths.end(), uint64_t{0});
  const uint32_t label_class = labels_.Add(label, first, end, terms);
  for (uint32_t slot = first; slot < end; ++slot) {
    CHECK(classes_[slot] == kDead);
    classes_[slot] = label_class;
  }
  live_ += end - first;
  Forget();
}

void SegmentState::Kill(uint32_t first, uint32_t end) {
  for (uint32_t slot = first; slot < end; ++slot) {
    if (!live(slot)) continue;
    labels_.Remove(classes_[slot], slot, segment_.lengths()[slot]);
    classes_[slot] = kDead;
    --live_;
  }
  Forget();
}

void SegmentState::Relabel(uint32_t first, uint32_t end, const Label& label) {
  for (uint32_t slot = first; slot < end; ++slot) {
    if (!live(slot)) continue;
    labels_.Remove(classes_[slot], slot, segment_.lengths()[slot]);
    classes_[slot] = labels_.Add(label, slot, slot + 1, segment_.lengths()[slot]);
  }
  Forget();
}

std::shared_ptr<const AllowedSlots> SegmentState::Allowed(const AccessFilter& filter,
                                                          const std::string& key) const {
  {
    absl::MutexLock lock(&mu_);
    const auto it = allowed_.find(key);
    if (it != allowed_.end()) return it->second;
  }
  const LabelClasses::Opened opened = labels_.Open(filter);
  auto allowed =
      std::make_shared<const AllowedSlots>(opened.slots, opened.statistics.terms, segment_);
  const size_t bytes = key.size() + allowed->bytes();
  absl::MutexLock lock(&mu_);
  if (allowed_bytes_ + bytes > kMaxAllowedBytes) {
    allowed_.clear();
    allowed_bytes_ = 0;
  }
  if (bytes <= kMaxAllowedBytes && allowed_.emplace(key, allowed).second) allowed_bytes_ += bytes;
  return allowed;
}

void SegmentState::Forget() {
  absl::MutexLock lock(&mu_);
  allowed_.clear();
  allowed_bytes_ = 0;
}

}  // namespace hadal::retrieval
