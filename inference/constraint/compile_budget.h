#pragma once

#include <cstdint>

#include "base/status.h"

namespace hadal::inference {

/// What compiling one constraint may still cost. Counted steps instead of a clock: the same text is
/// accepted or refused on every machine. Thread-compatible.
class CompileBudget {
 public:
  /// About a quarter of a second on a slow core, and some ten MB.
  static constexpr int64_t kMaxSteps = 10'000'000;
  static constexpr int64_t kMaxStates = 65'536;

  /// INVALID_ARGUMENT when the budget is used up.
  Status Spend(int64_t steps) {
    steps_left_ -= steps;
    if (steps_left_ >= 0) return OkStatus();
    return InvalidArgument("takes more than {} steps to compile; simplify it", kMaxSteps);
  }
  /// The same for states of the automaton.
  Status SpendStates(int64_t states) {
    states_left_ -= states;
    if (states_left_ >= 0) return OkStatus();
    return InvalidArgument(
        "needs an automaton of more than {} states; use smaller repetition counts, lengths or "
        "fewer alternatives",
        kMaxStates);
  }

 private:
  int64_t steps_left_ = kMaxSteps;
  int64_t states_left_ = kMaxStates;
};

}  // namespace hadal::inference
