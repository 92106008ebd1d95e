#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "inference/constraint.h"

namespace hadal::inference {

bool TokenMask::none() const {
  return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
}

int32_t TokenMask::count() const {
  int32_t count = 0;
  for (const uint64_t word : words_) count += std::popcount(word);
  return count;
}

void TokenMask::Apply(absl::Span<float> logits) const {
  constexpr float kImpossible = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool allowed = i / 64 < words_.size() && (words_[i / 64] >> (i % 64) & 1) != 0;
    if (!allowed && !std::isnan(logits[i])) logits[i] = kImpossible;
  }
}

}  // namespace hadal::inference
