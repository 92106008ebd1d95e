#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/kernels/logits.h"

namespace hadal::inference {

/// One row of logits, read once: by the largest of each of its blocks it finds what is large
/// without a look at the rest. Holds scratch memory. Thread-compatible.
class LogitRow {
 public:
  explicit LogitRow(Device device) : device_(std::move(device)) {}

  /// `logits` [vocabulary], not empty, must stay until the next call. INTERNAL when one is NaN or
  /// +inf, or all are -inf. What follows is about this row.
  Status Read(absl::Span<const float> logits);

  absl::Span<const float> logits() const { return logits_; }
  float largest() const { return logits_[static_cast<size_t>(best_)]; }
  /// The token of the largest logit; the lowest id of equals.
  int32_t best() const { return best_; }

  /// A bound that at least `count` >= 1 logits reach, as far as there are so many: at most the
  /// count-th largest.
  float BoundOfBest(size_t count) const;

  /// Tokens whose logit is at least `bound`, ascending.
  void FindAtLeast(float bound, std::vector<int32_t>* tokens) const;

 private:
  const Device device_;
  absl::Span<const float> logits_;
  std::vector<float> maxima_;
  int32_t best_ = 0;
};

}  // namespace hadal::inference
