#include "inference/constraint/char_set.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr char32_t kFirstSurrogate = 0xD800;
constexpr char32_t kLastSurrogate = 0xDFFF;

CharSet Gaps(const CharSet& set) {
  CharSet gaps;
  char32_t next = 0;
  for (const CharRange& range : set) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kMaxCodePoint) gaps.push_back({next, kMaxCodePoint});
  return gaps;
}

void AppendWithoutSurrogates(const CharRange& range, CharSet& set) {
  if (range.first < kFirstSurrogate) {
    set.push_back({range.first, std::min<char32_t>(range.last, kFirstSurrogate - 1)});
  }
  if (range.last > kLastSurrogate) {
    set.push_back({std::max<char32_t>(range.first, kLastSurrogate + 1), range.last});
  }
}

}  // namespace

CharSet MakeCharSet(std::vector<CharRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
  CharSet merged;
  for (const CharRange& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  CharSet set;
  for (const CharRange& range : merged) AppendWithoutSurrogates(range, set);
  return set;
}

CharSet Complement(const CharSet& set) { return MakeCharSet(Gaps(set)); }

CharSet AnyChar() { return Complement({}); }

}  // namespace hadal::inference
