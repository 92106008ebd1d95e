#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/constraint/char_set.h"
#include "inference/constraint/compile_budget.h"

namespace hadal::inference {

/// From one state of an automaton to another, by any character of a range.
struct CharEdge {
  char32_t first;
  char32_t last;  ///< inclusive
  int32_t to;
};

/// A deterministic automaton over Unicode characters. State 0 is the start; every state can be
/// reached and can still accept, unless the language is empty: then there is no state.
struct CharDfa {
  struct State {
    std::vector<CharEdge> edges;  ///< sorted, disjoint
    bool accepting = false;
  };
  std::vector<State> states;

  bool empty() const { return states.empty(); }
};

inline constexpr int64_t kUnlimited = INT64_MAX;

/// Texts of `min` to `max` characters; kUnlimited: no upper bound.
StatusOr<CharDfa> LengthDfa(int64_t min, int64_t max, CompileBudget& budget);

/// The texts of `texts` (valid UTF-8).
StatusOr<CharDfa> AnyOf(const std::vector<std::string>& texts, CompileBudget& budget);

/// Every text but those of `names` (valid UTF-8).
StatusOr<CharDfa> AnyTextExcept(const std::vector<std::string>& names, CompileBudget& budget);

/// Texts up to and with the first occurrence of `end`, which is ASCII.
StatusOr<CharDfa> TextUntil(std::string_view end, CompileBudget& budget);

/// The texts both accept.
StatusOr<CharDfa> Intersect(const CharDfa& a, const CharDfa& b, CompileBudget& budget);

/// Drops states that are not reached or cannot accept any more.
CharDfa Trim(CharDfa dfa);

}  // namespace hadal::inference
