// What the masks let a model write is always right (random walks), and what is right is never
// masked (texts in their own tokenisation), for a small vocabulary and for that of the default
// model.
#include "tests/inference/constraint/walk.h"

#include <re2/re2.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "tests/inference/constraint/corpus.h"
#include "tests/inference/constraint/matching.h"
#include "tests/inference/constraint/schema_validator.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::RegexCase;
using testing::RegexSpec;
using testing::SchemaCase;
using testing::SchemaSpec;
using testing::SmallTokenizer;
using testing::Walk;

constexpr unsigned kSeed = 20261122;
constexpr char kModel[] = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

struct Vocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ConstraintCompiler> compiler;
  int walks;  ///< per case
};

class WalkTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    static const Vocabulary& small = *new Vocabulary(
        Make(std::make_shared<SmallTokenizer>(SmallTokenizer::JsonPieces()), /*walks=*/60));
    vocabulary_ = &small;
    if (!GetParam()) return;
    const std::string path = ModelPath(kModel);
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) GTEST_SKIP() << "no model file " << path;
    static const auto tokenizer = LoadTokenizer(path);
    ASSERT_OK(tokenizer);
    static const Vocabulary& real = *new Vocabulary(Make(*tokenizer, /*walks=*/6));
    vocabulary_ = &real;
  }

  static Vocabulary Make(std::shared_ptr<const Tokenizer> tokenizer, int walks) {
    return {tokenizer, ConstraintCompiler::Create(*tokenizer), walks};
  }

  const Tokenizer& tokenizer() const { return *vocabulary_->tokenizer; }

  /// Every token of `text` is allowed where it stands, and then the end.
  void ExpectAllowed(const std::shared_ptr<const Constraint>& constraint, const std::string& text) {
    SCOPED_TRACE(text);
    ConstraintState state(constraint);
    for (const int32_t token : tokenizer().Encode(text, {})) {
      ASSERT_OK_AND_ASSIGN(const auto mask, state.AllowedTokens());
      ASSERT_EQ(mask->Allows(tokenizer().end_tokens().front()), state.IsComplete());
      ASSERT_TRUE(mask->Allows(token)) << tokenizer().TokenBytes(token);
      ASSERT_TRUE(state.Accept(token));
    }
    EXPECT_TRUE(state.IsComplete());
    ASSERT_OK_AND_ASSIGN(const auto mask, state.AllowedTokens());
    EXPECT_TRUE(mask->Allows(tokenizer().end_tokens().front()));
  }

  const Vocabulary* vocabulary_ = nullptr;
};

TEST_P(WalkTest, TextsUnderASchemaAreValid) {
  std::mt19937 random(kSeed);
  const char* dump = std::getenv("HADAL_WALKS");  // a file for a second opinion, as JSON lines
  std::ofstream lines;
  if (dump != nullptr) lines.open(dump, std::ios::app);
  int ended = 0;
  int all = 0;
  for (const SchemaCase& test : testing::SchemaCases()) {
    SCOPED_TRACE(test.schema);
    const auto schema = nlohmann::json::parse(test.schema);
    ASSERT_OK_AND_ASSIGN(const auto constraint,
                         vocabulary_->compiler->Compile(SchemaSpec(test.schema)));
    for (int i = 0; i < vocabulary_->walks; ++i, ++all) {
      const Walk walk = testing::RandomWalk(constraint, tokenizer(), 400, random);
      ASSERT_EQ(walk.error, "") << walk.text;
      if (!walk.ended) continue;
      ++ended;
      const auto value = nlohmann::json::parse(walk.text, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(value.is_discarded()) << walk.text;
      ASSERT_EQ(testing::WhyInvalid(schema, value, schema), "") << walk.text;
      if (dump != nullptr) {
        lines << nlohmann::json{{"schema", schema}, {"text", walk.text}}.dump() << "\n";
      }
    }
  }
  EXPECT_GT(ended, all * 9 / 10) << "of " << all;
}

TEST_P(WalkTest, TextsUnderARegexMatch) {
  std::mt19937 random(kSeed);
  int ended = 0;
  for (const RegexCase& test : testing::RegexCases()) {
    SCOPED_TRACE(test.regex);
    ASSERT_OK_AND_ASSIGN(const auto constraint,
                         vocabulary_->compiler->Compile(RegexSpec(test.regex)));
    for (int i = 0; i < vocabulary_->walks; ++i) {
      const Walk walk = testing::RandomWalk(constraint, tokenizer(), 100, random);
      ASSERT_EQ(walk.error, "") << walk.text;
      if (!walk.ended) continue;
      ++ended;
      ASSERT_TRUE(IsValidUtf8(walk.text));
      ASSERT_TRUE(RE2::FullMatch(walk.text, test.regex)) << walk.text;
    }
  }
  EXPECT_GT(ended, static_cast<int>(testing::RegexCases().size()) * vocabulary_->walks / 2);
}

TEST_P(WalkTest, ValidTextsAreNeverMasked) {
  for (const SchemaCase& test : testing::SchemaCases()) {
    SCOPED_TRACE(test.schema);
    ASSERT_OK_AND_ASSIGN(const auto constraint,
                         vocabulary_->compiler->Compile(SchemaSpec(test.schema)));
    for (const std::string& text : test.valid) {
      ExpectAllowed(constraint, text);
      // The same value as other writers lay it out. (ordered: schemas have an order.)
      const auto value = nlohmann::ordered_json::parse(text);
      if (text.find("e+") != std::string::npos) continue;  // dump() may spell 1e5 as 100000.0
      for (const int indent : {-1, 2, 4}) {
        ExpectAllowed(constraint, value.dump(indent));
        ExpectAllowed(constraint, value.dump(indent, ' ', /*ensure_ascii=*/true));
      }
    }
  }
  for (const RegexCase& test : testing::RegexCases()) {
    SCOPED_TRACE(test.regex);
    ASSERT_OK_AND_ASSIGN(const auto constraint,
                         vocabulary_->compiler->Compile(RegexSpec(test.regex)));
    for (const std::string& text : test.valid) ExpectAllowed(constraint, text);
  }
}

/// A mask is exactly the set of tokens that can be accepted.
TEST_P(WalkTest, MaskAndAcceptAgree) {
  std::mt19937 random(kSeed);
  for (size_t c = 0; c < testing::SchemaCases().size(); c += 4) {
    const SchemaCase& test = testing::SchemaCases()[c];
    SCOPED_TRACE(test.schema);
    ASSERT_OK_AND_ASSIGN(const auto constraint,
                         vocabulary_->compiler->Compile(SchemaSpec(test.schema)));
    ConstraintState state(constraint);
    for (const int32_t token : tokenizer().Encode(test.valid.back(), {})) {
      ASSERT_OK_AND_ASSIGN(const auto mask, state.AllowedTokens());
      for (int i = 0; i < 300; ++i) {
        const auto other =
            static_cast<int32_t>(random() % static_cast<unsigned>(tokenizer().vocabulary_size()));
        ConstraintState draft = state;
        ASSERT_EQ(draft.Accept(other), mask->Allows(other)) << tokenizer().TokenBytes(other);
      }
      ASSERT_TRUE(state.Accept(token));
    }
  }
}

/// Many readings at once over the whole vocabulary: an answer or an error, and soon.
TEST_P(WalkTest, HostileMasksAreBounded) {
  const auto list = [](int count, const std::function<std::string(int)>& part) {
    std::string text;
    for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + part(i);
    return "[" + text + "]";
  };
  const std::vector<std::string> hostile = {
      R"({"anyOf":)" +
          list(250,
               [](int i) {
                 return fmt::format(R"({{"pattern":"^.*{}.*.{{{}}}$"}})",
                                    static_cast<char>('a' + i % 26), i % 30);
               }) +
          "}",
      R"({"anyOf":)" +
          list(200,
               [](int i) {
                 return fmt::format(R"({{"type":"string","minLength":{},"maxLength":{}}})", i,
                                    i + 100);
               }) +
          "}",
      R"({"type":"array","items":{"anyOf":)" +
          list(200,
               [](int i) {
                 return fmt::format(R"({{"properties":{{"a":{{"minimum":{}}}}}}})", i);
               }) +
          "}}",
  };
  for (const std::string& schema : hostile) {
    SCOPED_TRACE(schema);
    const auto constraint = vocabulary_->compiler->Compile(SchemaSpec(schema));
    if (!constraint.ok()) {
      EXPECT_EQ(constraint.status().code(), StatusCode::kInvalidArgument);
      continue;
    }
    std::mt19937 random(kSeed);
    ConstraintState state(*constraint);
    for (const char c : std::string_view("\"abcabcabc")) {
      const absl::Time begin = absl::Now();
      const auto mask = state.AllowedTokens();
      const absl::Duration took = absl::Now() - begin;
      EXPECT_LT(took, absl::Seconds(2));
      if (took > absl::Milliseconds(100)) GTEST_LOG_(INFO) << took << " " << mask.status();
      if (!mask.ok()) {
        EXPECT_EQ(mask.status().code(), StatusCode::kResourceExhausted);
        break;
      }
      const auto tokens = tokenizer().Encode(std::string(1, c), {});
      if (!state.Accept(tokens.front())) break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, WalkTest, ::testing::Bool(),
                         [](const auto& suite) { return suite.param ? "DefaultModel" : "Small"; });

}  // namespace
}  // namespace hadal::inference
