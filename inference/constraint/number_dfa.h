#pragma once

#include <vector>

#include "base/status.h"
#include "inference/constraint/char_dfa.h"
#include "inference/constraint/schema_facts.h"

namespace hadal::inference {

/// JSON numbers within bounds. Whole numbers have up to 18 digits (they fit int64), others up to 18
/// before and 24 behind the point, and without bounds an exponent whose value fits a double: a
/// reader must be able to take what was generated. `fractions`: whole numbers only when false.
/// An empty automaton when the bounds leave nothing. INVALID_ARGUMENT when a bound needs an
/// exponent to be written or the budget is used up.
StatusOr<CharDfa> NumberDfa(bool fractions, const std::vector<SchemaFacts::Bound>& lower,
                            const std::vector<SchemaFacts::Bound>& upper, CompileBudget& budget);

}  // namespace hadal::inference
