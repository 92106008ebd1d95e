#include "inference/engine/prompt_lookup.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr int32_t kNgram = 3;
constexpr int32_t kMaxLength = 16;
constexpr int32_t kMaxPauseBits = 5;

// Two n-grams of one hash cost a wrong guess, nothing else.
uint64_t HashNgram(const int32_t* last) {
  uint64_t hash = 0;
  for (int32_t i = kNgram - 1; i >= 0; --i) {
    hash = (hash ^ static_cast<uint64_t>(last[-i])) * 0x9E3779B97F4A7C15ull;
  }
  return hash;
}

}  // namespace

std::vector<int32_t> PromptLookup::Guess(absl::Span<const int32_t> tokens, int32_t limit) {
  const auto size = static_cast<int32_t>(tokens.size());
  if (pause_ > 0) {
    --pause_;
    return {};
  }
  // All but the last n-gram, which is what is looked up.
  for (int32_t end = std::max(num_indexed_, kNgram); end < size; ++end) {
    next_by_ngram_[HashNgram(tokens.data() + end - 1)] = end;
  }
  num_indexed_ = size;
  if (size < kNgram) return {};
  const auto it = next_by_ngram_.find(HashNgram(tokens.data() + size - 1));
  if (it == next_by_ngram_.end()) return {};
  const auto from = tokens.begin() + it->second;
  const int32_t count = std::min({limit, length_, size - it->second});
  return {from, from + std::max(count, 0)};
}

void PromptLookup::Learn(int32_t guessed, int32_t held) {
  if (held == guessed) {
    length_ = std::min(kMaxLength, length_ + 4);
    misses_ = 0;
    return;
  }
  length_ = std::max(2, held + 1);
  misses_ = held > 0 ? 0 : misses_ + 1;
  if (misses_ > 1) pause_ = 1 << std::min(misses_, kMaxPauseBits);
}

}  // namespace hadal::inference
