#pragma once

#include <vector>

namespace hadal::inference {

inline constexpr char32_t kMaxCodePoint = 0x10FFFF;

struct CharRange {
  char32_t first;
  char32_t last;  ///< inclusive
};

/// A set of Unicode characters: sorted ranges that neither overlap nor touch. Surrogates are no
/// characters.
using CharSet = std::vector<CharRange>;

/// Sorts and merges `ranges`, and takes surrogates out.
CharSet MakeCharSet(std::vector<CharRange> ranges);
/// All characters that are not in `set`.
CharSet Complement(const CharSet& set);
/// Every character.
CharSet AnyChar();

}  // namespace hadal::inference
