#pragma once

#include <string_view>

#include "base/status.h"
#include "inference/constraint/grammar.h"

namespace hadal::inference {

/// Adds the rules for JSON values that satisfy `schema` (draft 2020-12, as JSON text) to `builder`
/// and returns the rule of the whole value. What is generated is always valid; what it leaves out
/// of what is valid is said in docs/rfcs/20261122_constrained_output.md (order of properties, white
/// space, spelling of numbers). INVALID_ARGUMENT naming the keyword and its place.
StatusOr<int32_t> AddJsonSchema(std::string_view schema, GrammarBuilder& builder,
                                CompileBudget& budget);

}  // namespace hadal::inference
