#include <random>

#include "tests/inference/constraint/corpus.h"
#include "tests/inference/constraint/matching.h"
#include "tests/inference/constraint/walk.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::RegexSpec;
using testing::SchemaSpec;
using testing::SmallTokenizer;

constexpr unsigned kSeed = 20261122;
constexpr int kTurns = 150;  // of each seed

const std::vector<std::string>& Fragments() {
  static const auto& fragments = *new std::vector<std::string>{"{",
                                                               "}",
                                                               "[",
                                                               "]",
                                                               "(",
                                                               ")",
                                                               "*",
                                                               "{9}",
                                                               "{1,900}",
                                                               "|",
                                                               "\\",
                                                               "^",
                                                               "$",
                                                               "?",
                                                               "-",
                                                               ",",
                                                               ":",
                                                               "\"",
                                                               "\"$ref\":\"#\"",
                                                               "\"anyOf\":[",
                                                               "\"allOf\":[",
                                                               "\"oneOf\":[",
                                                               "\"items\":",
                                                               "\"properties\":{",
                                                               "\"maxLength\":99999",
                                                               "\"minItems\":7",
                                                               "true",
                                                               "false",
                                                               "1e9",
                                                               "null",
                                                               "\"enum\":[",
                                                               "\"pattern\":\"",
                                                               "\"not\":{",
                                                               "\xff",
                                                               "\\u0000",
                                                               "{}"};
  return fragments;
}

std::string Mutate(std::string text, std::mt19937& random) {
  for (size_t change = 1 + random() % 4; change > 0 && !text.empty(); --change) {
    const size_t at = random() % text.size();
    const size_t length = std::min<size_t>(1 + random() % 20, text.size() - at);
    switch (random() % 5) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(random() % text.size(), text.substr(at, length));
        break;
      case 3:
        text.insert(at, Fragments()[random() % Fragments().size()]);
        break;
      default:
        text.replace(at, length, Fragments()[random() % Fragments().size()]);
    }
  }
  return text;
}

/// Refused with a message, or usable: a short walk over it makes no error.
void Check(const ConstraintSpec& spec, const ConstraintCompiler& compiler,
           const Tokenizer& tokenizer, std::mt19937& random, int& usable) {
  SCOPED_TRACE(spec.text);
  const auto constraint = compiler.Compile(spec);
  if (!constraint.ok()) {
    EXPECT_EQ(constraint.status().code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(constraint.status().message().empty());
    return;
  }
  ++usable;
  EXPECT_EQ(testing::RandomWalk(*constraint, tokenizer, 20, random).error, "");
}

TEST(MutationFuzzTest, MutatedSchemasAndExpressions) {
  std::mt19937 random(kSeed);
  const SmallTokenizer tokenizer(SmallTokenizer::JsonPieces());
  const auto compiler = ConstraintCompiler::Create(tokenizer);
  int usable = 0;
  for (const auto& seed : testing::SchemaCases()) {
    for (int turn = 0; turn < kTurns; ++turn) {
      Check(SchemaSpec(Mutate(seed.schema, random)), *compiler, tokenizer, random, usable);
    }
  }
  for (const auto& seed : testing::RegexCases()) {
    for (int turn = 0; turn < kTurns; ++turn) {
      Check(RegexSpec(Mutate(seed.regex, random)), *compiler, tokenizer, random, usable);
    }
  }
  EXPECT_GT(usable, 1000);
}

}  // namespace
}  // namespace hadal::inference
