#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "retrieval/index/allowed_slots.h"
#include "retrieval/index/label_classes.h"
#include "retrieval/index/segment.h"

namespace hadal::retrieval {

/// What changes of a segment: which slots live and under which label. Kept in memory only: the
/// store is its truth. Thread-compatible, and any number of threads may call const members.
class SegmentState {
 public:
  explicit SegmentState(const Segment& segment) : segment_(segment) {}

  bool live(uint32_t slot) const { return slot < classes_.size() && classes_[slot] != kDead; }
  /// Of a live slot.
  const Label& label(uint32_t slot) const { return labels_.label(classes_[slot]); }
  /// Of two live slots.
  bool SameLabel(uint32_t a, uint32_t b) const { return classes_[a] == classes_[b]; }
  uint32_t live_slots() const { return live_; }
  uint32_t dead_slots() const { return segment_.size() - live_; }

  /// Brings the dead slots first..end-1 to life.
  void Revive(uint32_t first, uint32_t end, const Label& label);
  /// Of first..end-1 those that live.
  void Kill(uint32_t first, uint32_t end);
  void Relabel(uint32_t first, uint32_t end, const Label& label);

  /// What `filter` opens; remembered until the next change. key: CanonicalKey of the filter.
  std::shared_ptr<const AllowedSlots> Allowed(const AccessFilter& filter,
                                              const std::string& key) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  static constexpr uint32_t kDead = 0xFFFFFFFF;
  void Forget() ABSL_LOCKS_EXCLUDED(mu_);

  const Segment& segment_;
  LabelClasses labels_;
  std::vector<uint32_t> classes_;  // by slot; shorter than the segment: the rest is dead
  uint32_t live_ = 0;

  mutable absl::Mutex mu_;
  mutable std::unordered_map<std::string, std::shared_ptr<const AllowedSlots>> allowed_
      ABSL_GUARDED_BY(mu_);
  mutable size_t allowed_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace hadal::retrieval
