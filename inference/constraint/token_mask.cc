#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "inference/constraint.h"

namespace hadal::inference {

void TokenMask::AllowAllOf(const TokenMask& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

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
  const auto mask_one = [](float& logit) { logit = std::isnan(logit) ? logit : kImpossible; };
  size_t begin = 0;
  for (; begin + 64 <= logits.size(); begin += 64) {
    const uint64_t word = begin / 64 < words_.size() ? words_[begin / 64] : 0;
    float* row = &logits[begin];
    if (word == 0) {  // most words of most masks: a loop the compiler makes vectors of
      for (size_t i = 0; i < 64; ++i) mask_one(row[i]);
      continue;
    }
    for (uint64_t denied = ~word; denied != 0; denied &= denied - 1) {
      mask_one(row[std::countr_zero(denied)]);
    }
  }
  for (; begin < logits.size(); ++begin) {
    if (!Allows(static_cast<int32_t>(begin))) mask_one(logits[begin]);
  }
}

}  // namespace hadal::inference
