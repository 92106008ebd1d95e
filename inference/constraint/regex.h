#pragma once

#include <string_view>

#include "base/status.h"
#include "inference/constraint/char_dfa.h"
#include "inference/constraint/regex_syntax.h"

namespace hadal::inference {

enum class RegexMatch {
  kFull,    ///< the whole text matches
  kSearch,  ///< some part of the text matches, as JSON Schema's `pattern` means it
};

/// The texts `pattern` matches, as an automaton; see ParseRegex for the syntax. INVALID_ARGUMENT
/// also when it matches nothing or the automaton grows beyond 4,096 states or the budget.
StatusOr<CharDfa> CompileRegex(std::string_view pattern, RegexDialect dialect, RegexMatch match,
                               CompileBudget& budget);

}  // namespace hadal::inference
