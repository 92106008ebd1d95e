#include "inference/engine/prompt_lookup.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr int32_t kNgram = 3;

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
  const int32_t length = length_.Next();
  if (length == 0) return {};
  // All but the last n-gram, which is what is looked up.
  for (int32_t end = std::max(num_indexed_, kNgram); end < size; ++end) {
    next_by_ngram_[HashNgram(tokens.data() + end - 1)] = end;
  }
  num_indexed_ = size;
  if (size < kNgram) return {};
  const auto it = next_by_ngram_.find(HashNgram(tokens.data() + size - 1));
  if (it == next_by_ngram_.end()) return {};
  const auto from = tokens.begin() + it->second;
  const int32_t count = std::min({limit, length, size - it->second});
  return {from, from + std::max(count, 0)};
}

}  // namespace hadal::inference
