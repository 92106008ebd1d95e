#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/constraint/char_dfa.h"

namespace hadal::inference {

/// Where dialects differ, the characters that both allow are taken: a text made under `kEcma` also
/// matches under RE2.
enum class RegexDialect {
  kRe2,   ///< `.` is everything but a line feed
  kEcma,  ///< JSON Schema's: `.` is everything but \n \r U+2028 U+2029, \S excludes all white space
};

/// A regular expression as it was written.
struct RegexNode {
  enum class Kind { kEmpty, kSet, kConcat, kAlternate, kRepeat, kBegin, kEnd };
  Kind kind = Kind::kEmpty;
  CharSet set;                      ///< kSet
  std::vector<RegexNode> children;  ///< kConcat, kAlternate; kRepeat: one
  int64_t min = 0;                  ///< kRepeat
  int64_t max = 0;                  ///< kRepeat; kUnlimited
};

/// RE2's syntax without flags, word boundaries and \p classes; and without look-around and
/// back-references, which no regular language has. Groups of any kind only group, and a lazy
/// quantifier is like a greedy one: the language is the same. Bounded: 4,096 bytes, 64 groups in
/// each other, 1,000 repetitions. INVALID_ARGUMENT naming the byte where it cannot go on.
StatusOr<RegexNode> ParseRegex(std::string_view pattern, RegexDialect dialect);

}  // namespace hadal::inference
