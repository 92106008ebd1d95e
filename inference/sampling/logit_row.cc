#include "inference/sampling/logit_row.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace hadal::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Status NotNumbers(absl::Span<const float> logits) {
  const auto bad =
      std::find_if(logits.begin(), logits.end(), [](float logit) { return !(logit < kInfinity); });
  return Internal("logit of token {} is {}; expected a finite number", bad - logits.begin(), *bad);
}

}  // namespace

Status LogitRow::Read(absl::Span<const float> logits) {
  logits_ = logits;
  maxima_.resize(NumLogitBlocks(logits.size()));
  if (!BlockMaxima(device_, logits, absl::MakeSpan(maxima_))) return NotNumbers(logits);
  best_ = static_cast<int32_t>(IndexOfLargest(logits, maxima_));
  if (largest() == -kInfinity) return Internal("all {} logits are -inf or absent", logits.size());
  return OkStatus();
}

/// Each of the `count` blocks with the largest maxima has a logit that reaches the least of them.
float LogitRow::BoundOfBest(size_t count) const {
  if (count > maxima_.size()) return -kInfinity;
  std::vector<float> sorted = maxima_;
  const auto bound = sorted.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(sorted.begin(), bound, sorted.end(), std::greater<>());
  return *bound;
}

void LogitRow::FindAtLeast(float bound, std::vector<int32_t>* tokens) const {
  tokens->clear();
  for (size_t b = 0; b < maxima_.size(); ++b) {
    if (maxima_[b] < bound) continue;
    const size_t end = std::min(logits_.size(), (b + 1) * kLogitBlock);
    for (size_t i = b * kLogitBlock; i < end; ++i) {
      if (logits_[i] >= bound) tokens->push_back(static_cast<int32_t>(i));
    }
  }
}

}  // namespace hadal::inference
