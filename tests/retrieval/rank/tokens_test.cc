#include "retrieval/rank/tokens.h"

#include <algorithm>
#include <set>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using ::testing::Contains;
using ::testing::IsSubsetOf;

class TokensTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(tokenizer_, Tokenizer::Create()); }

  TermId Only(std::string_view text) {
    const std::vector<TermId> terms = tokenizer_->Terms(text);
    EXPECT_EQ(terms.size(), 1u) << text;
    return terms.empty() ? 0 : terms.front();
  }
  std::set<TermId> Set(std::string_view text) {
    const std::vector<TermId> terms = tokenizer_->Terms(text);
    return {terms.begin(), terms.end()};
  }

  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(TokensTest, ChineseGivesCharactersAndPairs) {
  // 变 压 变压 器 压器
  EXPECT_EQ(tokenizer_->Terms("变压器").size(), 5u);
  EXPECT_THAT(tokenizer_->Terms("主变压器"), Contains(Only("变")));
  // Punctuation ends a pair.
  EXPECT_EQ(tokenizer_->Terms("变，压").size(), 2u);
}

TEST_F(TokensTest, TraditionalAndFullWidthMeetSimplifiedAndHalfWidth) {
  EXPECT_EQ(tokenizer_->Terms("變壓器"), tokenizer_->Terms("变压器"));
  EXPECT_EQ(tokenizer_->Terms("１１０ｋＶ"), tokenizer_->Terms("110kV"));
}

TEST_F(TokensTest, CompoundsGiveTheWholeAndTheParts) {
  const std::set<TermId> compound = Set("LC-JX-2025-011");
  EXPECT_THAT(compound, Contains(Only("lc")));
  EXPECT_THAT(compound, Contains(Only("jx")));
  EXPECT_THAT(compound, Contains(Only("2025")));
  EXPECT_THAT(compound, Contains(Only("011")));
  EXPECT_EQ(compound.size(), 5u);
  // Another number of the same series shares parts, not the whole.
  EXPECT_NE(Set("LC-JX-2025-012"), compound);
}

TEST_F(TokensTest, UnitsAreFoundWithAndWithoutASpace) {
  EXPECT_THAT(tokenizer_->Terms("110 kV"), IsSubsetOf(tokenizer_->Terms("110kV")));
}

TEST_F(TokensTest, NumbersStayWhole) {
  EXPECT_EQ(Only("1,234,567"), Only("1234567"));
  EXPECT_EQ(tokenizer_->Terms("3.5").size(), 1u);
  EXPECT_NE(Only("3.5"), Only("35"));
  // Not a separator of thousands.
  EXPECT_EQ(tokenizer_->Terms("12,34").size(), 2u);
  EXPECT_EQ(tokenizer_->Terms("1,2345").size(), 2u);
}

TEST_F(TokensTest, EnglishPluralsMeetTheirSingulars) {
  EXPECT_EQ(Only("policies"), Only("policy"));
  EXPECT_EQ(Only("transformers"), Only("transformer"));
  EXPECT_EQ(Only("address"), Only("Address"));
  EXPECT_NE(Only("gas"), Only("ga"));
}

TEST_F(TokensTest, WordsBesideChineseStandAlone) {
  EXPECT_THAT(tokenizer_->Terms("部署GPU服务器"), Contains(Only("gpu")));
}

TEST_F(TokensTest, QuestionWordsAreNotAskedFor) {
  const auto sorted = [](std::vector<TermId> terms) {
    std::sort(terms.begin(), terms.end());
    return terms;
  };
  EXPECT_EQ(tokenizer_->QueryTerms("检修周期是多少？"), sorted(tokenizer_->Terms("检修周期")));
  EXPECT_EQ(tokenizer_->QueryTerms("檢修週期為何？"), sorted(tokenizer_->Terms("检修周期")));
  EXPECT_EQ(tokenizer_->QueryTerms("What is the interval?"), sorted({Only("interval")}));
  EXPECT_EQ(tokenizer_->QueryTerms("压力压力").size(), 4u);
  // Nothing but question words: they are all there is to go by.
  EXPECT_FALSE(tokenizer_->QueryTerms("是什么？").empty());
}

TEST_F(TokensTest, CountsAreSortedAndComplete) {
  const TermCounts counts = tokenizer_->Count("压力压力");
  EXPECT_EQ(counts.length, 7u);
  EXPECT_TRUE(std::is_sorted(counts.terms.begin(), counts.terms.end()));
  uint32_t sum = 0;
  for (const auto& [term, count] : counts.terms) sum += count;
  EXPECT_EQ(sum, counts.length);
}

TEST_F(TokensTest, AnyBytesAreTokenised) {
  for (const char* text :
       {"", " ", "\xFF\xFE", "-", "---", "a-", "-a", ",,,", "1,", ",234", "a.b.c"}) {
    EXPECT_LE(tokenizer_->Terms(text).size(), 8u) << text;
  }
}

}  // namespace
}  // namespace hadal::retrieval
