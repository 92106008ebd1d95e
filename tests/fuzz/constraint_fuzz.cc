#include <string>

#include "inference/constraint.h"
#include "tests/inference/constraint/small_tokenizer.h"

// The first byte chooses schema or regular expression; what compiles is used for some tokens.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hadal::inference::ConstraintSpec;
  using hadal::inference::testing::SmallTokenizer;
  static const auto& tokenizer = *new SmallTokenizer(SmallTokenizer::JsonPieces());
  if (size == 0) return 0;
  ConstraintSpec spec;
  spec.kind = data[0] % 2 == 0 ? ConstraintSpec::Kind::kJsonSchema : ConstraintSpec::Kind::kRegex;
  spec.text.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  // A fresh compiler: nothing is kept from input to input.
  const auto constraint = hadal::inference::ConstraintCompiler::Create(tokenizer)->Compile(spec);
  if (!constraint.ok()) return 0;
  hadal::inference::ConstraintState state(*constraint);
  for (size_t i = 0; i < size && !state.IsFinished(); ++i) {
    const auto mask = state.AllowedTokens();
    if (!mask.ok()) break;
    const int32_t start = data[i] * 7 % tokenizer.vocabulary_size();
    for (int32_t step = 0; step < tokenizer.vocabulary_size(); ++step) {
      const int32_t token = (start + step) % tokenizer.vocabulary_size();
      if (!(*mask)->Allows(token)) continue;
      if (!state.Accept(token)) __builtin_trap();
      break;
    }
  }
  return 0;
}
