#include "inference/constraint.h"

#include <cmath>
#include <limits>
#include <thread>

#include "base/check.h"
#include "tests/inference/constraint/matching.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::CompileForBytes;
using testing::Matches;
using testing::RegexSpec;
using testing::SchemaSpec;
using testing::SmallTokenizer;
using Reasoning = ConstraintSpec::Reasoning;

class ConstraintTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Constraint> Compile(const ConstraintSpec& spec) {
    auto constraint = compiler_->Compile(spec);
    CHECK(constraint.ok());
    return *std::move(constraint);
  }
  bool AcceptText(ConstraintState& state, std::string_view text) {
    for (const int32_t token : tokenizer_.Encode(text, {})) {
      if (!state.Accept(token)) return false;
    }
    return true;
  }
  std::vector<std::string> Allowed(ConstraintState& state) {
    std::vector<std::string> pieces;
    const auto mask = state.AllowedTokens();
    CHECK(mask.ok());
    for (int32_t id = 0; id < tokenizer_.vocabulary_size(); ++id) {
      if ((*mask)->Allows(id)) {
        pieces.push_back(id == SmallTokenizer::kEnd ? "END" : tokenizer_.TokenBytes(id));
      }
    }
    EXPECT_EQ((*mask)->count(), static_cast<int32_t>(pieces.size()));
    return pieces;
  }

  const SmallTokenizer tokenizer_{SmallTokenizer::JsonPieces()};
  const std::shared_ptr<const ConstraintCompiler> compiler_ =
      ConstraintCompiler::Create(tokenizer_);
};

TEST_F(ConstraintTest, EndTokensExactlyWhereTheTextIsComplete) {
  ConstraintState state(Compile(RegexSpec("ab(c|ab)?")));
  EXPECT_THAT(Allowed(state), ::testing::UnorderedElementsAre("a", "ab", "abc"));
  EXPECT_FALSE(state.IsComplete());
  EXPECT_FALSE(state.Accept(SmallTokenizer::kEnd));
  EXPECT_FALSE(state.Accept(SmallTokenizer::kSpecial));
  EXPECT_FALSE(state.Accept(-1));
  EXPECT_FALSE(state.Accept(1 << 20));
  ASSERT_TRUE(AcceptText(state, "ab"));
  EXPECT_TRUE(state.IsComplete());
  EXPECT_FALSE(state.IsFinished());
  EXPECT_THAT(Allowed(state), ::testing::UnorderedElementsAre("END", "c", "a", "ab"));
  ConstraintState ended = state;
  EXPECT_TRUE(ended.Accept(SmallTokenizer::kEnd));
  EXPECT_TRUE(ended.IsFinished());
  EXPECT_FALSE(ended.Accept(SmallTokenizer::kEnd));
  EXPECT_FALSE(AcceptText(ended, "c"));
  EXPECT_STATUS(ended.AllowedTokens(), kFailedPrecondition, "has ended");
  ASSERT_TRUE(AcceptText(state, "c"));
  EXPECT_TRUE(state.IsFinished());
  EXPECT_THAT(Allowed(state), ::testing::ElementsAre("END"));
}

TEST_F(ConstraintTest, ACopyIsTheWayBack) {
  ConstraintState state(Compile(SchemaSpec(R"({"type":"array","items":{"type":"integer"}})")));
  ASSERT_TRUE(AcceptText(state, "[1"));
  const auto before = Allowed(state);
  ConstraintState draft = state;
  ASSERT_TRUE(AcceptText(draft, "23,4]"));
  EXPECT_TRUE(draft.IsFinished());
  EXPECT_FALSE(state.IsComplete());
  EXPECT_EQ(Allowed(state), before);
  draft = state;
  EXPECT_EQ(Allowed(draft), before);
  EXPECT_FALSE(AcceptText(draft, "x"));
  EXPECT_EQ(Allowed(draft), before);  // a refusal changes nothing
}

TEST_F(ConstraintTest, PartsOfCharacters) {
  ConstraintState state(Compile(RegexSpec("[中文]{2}")));
  EXPECT_THAT(Allowed(state), ::testing::UnorderedElementsAre("\xE4", "\xE6", "\xE6", "\xE4\xB8",
                                                              "中", "文", "\xE4\xB8\xAD\xE6"));
  ASSERT_TRUE(state.Accept(tokenizer_.TokenId("\xE4\xB8")));
  EXPECT_THAT(Allowed(state), ::testing::UnorderedElementsAre("\xAD", "\xAD"));
  ASSERT_TRUE(state.Accept(tokenizer_.TokenId("\xAD")));
  ASSERT_TRUE(state.Accept(tokenizer_.TokenId("\xE6")));
  EXPECT_THAT(Allowed(state), ::testing::UnorderedElementsAre("\x96"));
  ASSERT_TRUE(state.Accept(SmallTokenizer::kFirstByte + 0x96));
  EXPECT_FALSE(state.Accept(SmallTokenizer::kFirstByte + 0x88));
  EXPECT_TRUE(state.Accept(SmallTokenizer::kFirstByte + 0x87));
  EXPECT_TRUE(state.IsFinished());
}

TEST_F(ConstraintTest, ThePromptOpenedTheReasoning) {
  ConstraintSpec spec = SchemaSpec(R"({"type":"integer"})");
  spec.reasoning = Reasoning::kInside;
  ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(spec));
  EXPECT_TRUE(Matches(constraint, "hm {\"</thin <think> 电</think>7"));
  EXPECT_TRUE(Matches(constraint, "</think>\n\n7"));
  EXPECT_TRUE(Matches(constraint, "<</think>\n7"));
  EXPECT_TRUE(Matches(constraint, "</</think</think>7"));
  EXPECT_FALSE(Matches(constraint, "7"));
  EXPECT_FALSE(Matches(constraint, "hm"));
  EXPECT_FALSE(Matches(constraint, "hm</think>"));
  EXPECT_FALSE(Matches(constraint, "hm</think>\n\n\n7"));
  EXPECT_FALSE(Matches(constraint, "hm</think>x"));
  EXPECT_FALSE(Matches(constraint, "hm</think>7</think>"));
}

TEST_F(ConstraintTest, TheModelMayOpenTheReasoning) {
  ConstraintSpec spec = RegexSpec("(yes|no)");
  spec.reasoning = Reasoning::kOptional;
  ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(spec));
  EXPECT_TRUE(Matches(constraint, "yes"));
  EXPECT_TRUE(Matches(constraint, "<think>\nWell ...\n</think>\n\nno"));
  EXPECT_FALSE(Matches(constraint, "<think>yes"));
  EXPECT_FALSE(Matches(constraint, "</think>yes"));
  // No end token, and no token across the border that would break the answer.
  ConstraintState state(Compile(spec));
  ASSERT_TRUE(AcceptText(state, "<think>a</"));
  const auto allowed = Allowed(state);
  EXPECT_THAT(allowed, ::testing::Contains("think>"));
  EXPECT_THAT(allowed, ::testing::Contains("{\""));
  EXPECT_THAT(allowed, ::testing::Not(::testing::Contains("END")));
}

TEST_F(ConstraintTest, AVocabularyThatCannotSpellIt) {
  class NoDigits final : public Tokenizer {
   public:
    std::vector<int32_t> Encode(std::string_view, const EncodeOptions&) const override {
      return {};
    }
    std::string Decode(const std::vector<int32_t>&, bool) const override { return {}; }
    std::string TokenBytes(int32_t id) const override { return id == 1 ? "a" : ""; }
    int32_t vocabulary_size() const override { return 2; }
    bool IsSpecial(int32_t id) const override { return id == 0; }
    int32_t TokenId(std::string_view) const override { return -1; }
    const std::vector<int32_t>& end_tokens() const override { return ends_; }

   private:
    const std::vector<int32_t> ends_ = {0};
  };
  ASSERT_OK_AND_ASSIGN(const auto constraint,
                       ConstraintCompiler::Create(NoDigits())->Compile(RegexSpec("a[0-9]")));
  ConstraintState state(constraint);
  ASSERT_TRUE(state.Accept(1));
  EXPECT_STATUS(state.AllowedTokens(), kResourceExhausted, "no token can follow");
}

TEST_F(ConstraintTest, AmbiguityIsBounded) {
  // Each level may be either of two kinds of list: 2^depth ways to read "[[[[...".
  ConstraintState state(Compile(SchemaSpec(R"({"$defs":{
      "a":{"type":"array","items":{"$ref":"#/$defs/either"},"maxItems":9},
      "b":{"type":"array","items":{"$ref":"#/$defs/either"},"maxItems":8},
      "either":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}},
      "$ref":"#/$defs/a"})")));
  const absl::Time begin = absl::Now();
  int depth = 0;
  while (depth < 40 && AcceptText(state, "[")) ++depth;
  EXPECT_GT(depth, 5);
  EXPECT_LT(depth, 40);
  // Where it is refused, the other ways on are still there.
  EXPECT_OK(state.AllowedTokens());
  for (; depth > 0; --depth) ASSERT_TRUE(AcceptText(state, "]"));
  EXPECT_TRUE(state.IsFinished());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

TEST_F(ConstraintTest, LongTextsOutliveTheirTables) {
  // Each length is a state of its own: the tables are renewed many times.
  const auto constraint = Compile(SchemaSpec(R"({"type":"string","maxLength":6000})"));
  ConstraintState state(constraint);
  ConstraintState early = state;
  ASSERT_TRUE(AcceptText(state, "\""));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_OK(state.AllowedTokens());
    ASSERT_TRUE(AcceptText(state, "abc"));
  }
  EXPECT_FALSE(AcceptText(state, "a"));
  EXPECT_TRUE(AcceptText(state, "\""));
  EXPECT_TRUE(state.IsFinished());
  EXPECT_TRUE(AcceptText(early, "\"x\""));
  EXPECT_TRUE(early.IsFinished());
}

TEST_F(ConstraintTest, TheSameSpecIsCompiledOnce) {
  const auto first = Compile(RegexSpec("a"));
  EXPECT_EQ(Compile(RegexSpec("a")), first);
  EXPECT_NE(Compile(RegexSpec("b")), first);
  ConstraintSpec reasoning = RegexSpec("a");
  reasoning.reasoning = Reasoning::kInside;
  EXPECT_NE(Compile(reasoning), first);
  for (int i = 0; i < 100; ++i) Compile(RegexSpec(fmt::format("x{}", i)));
  EXPECT_NE(Compile(RegexSpec("a")), first);  // long out of use
}

TEST_F(ConstraintTest, MessagesAreShort) {
  const std::string name(5000, 'x');
  const auto status = CompileForBytes(SchemaSpec("{\"" + name + "\":1}")).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_LT(status.message().size(), 700u);
}

TEST_F(ConstraintTest, ManyThreadsShareOne) {
  const auto constraint = Compile(SchemaSpec(R"({"type":"object"})"));
  const std::string text = R"({"name": [1, 2, {"id": "中"}], "type": "ab"})";
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        ConstraintState state(constraint);
        for (const int32_t token : tokenizer_.Encode(text, {})) {
          const auto mask = state.AllowedTokens();
          CHECK(mask.ok() && (*mask)->Allows(token) && state.Accept(token));
        }
        CHECK(state.IsFinished());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TokenMaskTest, MasksLogits) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  TokenMask mask(70);
  EXPECT_TRUE(mask.none());
  mask.Allow(1);
  mask.Allow(69);
  EXPECT_EQ(mask.count(), 2);
  EXPECT_FALSE(mask.Allows(-1));
  EXPECT_FALSE(mask.Allows(70));
  std::vector<float> logits(130, 0.5f);
  logits[3] = kNan;
  mask.Apply(absl::MakeSpan(logits));
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i == 3) {
      EXPECT_TRUE(std::isnan(logits[i]));
    } else {
      EXPECT_EQ(logits[i], i == 1 || i == 69 ? 0.5f : -std::numeric_limits<float>::infinity());
    }
  }
}

}  // namespace
}  // namespace hadal::inference
