#include <re2/re2.h>

#include "tests/inference/constraint/corpus.h"
#include "tests/inference/constraint/matching.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::CompileForBytes;
using testing::Matches;
using testing::RegexCase;
using testing::RegexSpec;

TEST(RegexTest, AcceptsWhatRe2Accepts) {
  ASSERT_GE(testing::RegexCases().size(), 30u);
  for (const RegexCase& test : testing::RegexCases()) {
    SCOPED_TRACE(test.regex);
    ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(RegexSpec(test.regex)));
    for (const std::string& text : test.valid) {
      EXPECT_TRUE(RE2::FullMatch(text, test.regex)) << text;
      EXPECT_TRUE(Matches(constraint, text)) << text;
    }
    for (const std::string& text : test.invalid) {
      EXPECT_FALSE(RE2::FullMatch(text, test.regex)) << text;
      EXPECT_FALSE(Matches(constraint, text)) << text;
    }
  }
}

TEST(RegexTest, RefusesWithThePlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ab(c", "byte 4: expected ')'"},
      {"ab)", "byte 2: unmatched ')'"},
      {"a**", "byte 2: a quantifier after"},
      {"*a", "byte 0: a quantifier with nothing"},
      {"a|+", "byte 2: a quantifier with nothing"},
      {"(?=a)b", "byte 1: look-around"},
      {"(?i)a", "byte 1: look-around and flags"},
      {"(?<!a)b", "byte 1: look-around"},
      {"(a)\\1", "byte 3: this escape"},
      {"a\\b", "byte 1: this escape"},
      {"\\p{L}", "byte 0: this escape"},
      {"\\", "byte 1: a backslash at the end"},
      {"[a", "byte 2: expected ']'"},
      {"[z-a]", "a range that is none"},
      {"[a-\\d]", "a range that is none"},
      {"[[:nope:]]", "unknown character class"},
      {"a{1001}", "more than 1000 repetitions"},
      {"a{3,2}", "least repetition count"},
      {"\\x{110000}", "byte 0: this escape"},
      {"\\ud800", "byte 0: this escape"},
      {"a\xff", "not valid UTF-8"},
      {"a^b", "matches no text"},
      {"[^\\x00-\\x{10ffff}]", "matches no text"},
      {std::string(4097, 'a'), "4097 bytes"},
      {std::string(65, '(') + std::string(65, ')'), "nested groups"},
  };
  for (const auto& [regex, message] : cases) {
    SCOPED_TRACE(regex);
    EXPECT_STATUS(CompileForBytes(RegexSpec(regex)), kInvalidArgument, message);
  }
}

TEST(RegexTest, HostileExpressionsAreRefusedQuickly) {
  const absl::Time begin = absl::Now();
  const std::vector<std::string> hostile = {
      "((a{1000}){1000}){1000}",                          // 10^9 nodes written out
      "(a|b)*a(a|b){30}",                                 // 2^30 states
      "((a|b)*a(a|b){11}|(c|d)*c(c|d){11}){2}",           // below the limit of one part
      "(.*a.*b.*c.*d.*e.*f.*g.*h.*i.*j.*k.*l.*m|x){50}",  //
      "((((((((((a?){9}){9}){9}){9}){9}){9}){9}){9}){9}){9}",
      "(x+x+)+y(x{500}){40}",
  };
  for (const std::string& regex : hostile) {
    SCOPED_TRACE(regex);
    EXPECT_STATUS(CompileForBytes(RegexSpec(regex)), kInvalidArgument, "");
  }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

TEST(RegexTest, AmbiguityCostsNothing) {
  ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(RegexSpec("(a|a|aa|a*)*b")));
  EXPECT_TRUE(Matches(constraint, std::string(2000, 'a') + "b"));
  EXPECT_FALSE(Matches(constraint, std::string(2000, 'a')));
}

}  // namespace
}  // namespace hadal::inference
