#pragma once

#include <memory>
#include <string>

#include "inference/constraint.h"
#include "tests/inference/constraint/small_tokenizer.h"

namespace hadal::inference::testing {

/// Compiles for a vocabulary of single bytes.
inline StatusOr<std::shared_ptr<const Constraint>> CompileForBytes(const ConstraintSpec& spec) {
  static const auto& compiler = *new auto(ConstraintCompiler::Create(SmallTokenizer()));
  return compiler->Compile(spec);
}

inline ConstraintSpec SchemaSpec(std::string schema) {
  return {ConstraintSpec::Kind::kJsonSchema, std::move(schema), ConstraintSpec::Reasoning::kNone};
}
inline ConstraintSpec RegexSpec(std::string regex) {
  return {ConstraintSpec::Kind::kRegex, std::move(regex), ConstraintSpec::Reasoning::kNone};
}

/// True when `text` is complete; byte for byte.
inline bool Matches(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
  ConstraintState state(constraint);
  for (const char c : text) {
    if (!state.Accept(SmallTokenizer::kFirstByte + static_cast<uint8_t>(c))) return false;
  }
  return state.IsComplete();
}

}  // namespace hadal::inference::testing
