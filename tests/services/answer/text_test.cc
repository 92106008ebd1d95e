#include "services/answer/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace hadal::answer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> Texts(const std::vector<Term>& terms) {
  std::vector<std::string> out;
  for (const Term& term : terms) out.push_back(ToUtf8(term.text));
  return out;
}

std::vector<std::string> Sentences(std::u32string_view text) {
  std::vector<std::string> out;
  for (const Span span : SplitSentences(text)) {
    out.push_back(ToUtf8(text.substr(span.begin, span.size())));
  }
  return out;
}

TEST(FoldTest, WidthCaseAndTraditionalCharactersAreOne) {
  EXPECT_EQ(ToUtf8(Fold(U"ＵＰＦ－０３　預約圖書")), ToUtf8(Fold(U"upf-03 预约图书")));
  EXPECT_EQ(ToUtf8(Fold(U"95 °C – “x”")), "95 °c - \"x\"");
}

TEST(SplitSentencesTest, EndsAtPunctuationAndLines) {
  EXPECT_THAT(Sentences(U"第一条 甲。乙；\n丙 | 丁\n  戊"),
              ElementsAre("第一条 甲。", "乙；", "丙 | 丁", "戊"));
}

TEST(SplitSentencesTest, NumbersAndAbbreviationsAreNotCut) {
  EXPECT_THAT(Sentences(U"3. Pay 1.5 EUR by 5 a.m. or later. See No. 7 first. Done."),
              ElementsAre("3. Pay 1.5 EUR by 5 a.m. or later.", "See No. 7 first.", "Done."));
}

TEST(SplitSentencesTest, ClosingQuoteStaysWithItsSentence) {
  EXPECT_THAT(Sentences(U"他说：“不行。”然后走了。"), ElementsAre("他说：“不行。”", "然后走了。"));
}

TEST(ContentTermsTest, QuestionWordsAreNoTerms) {
  EXPECT_THAT(Texts(ContentTerms(Fold(U"光猫丢失要赔多少钱？"))),
              ::testing::AllOf(Contains("光猫"), Contains("丢失"), Not(Contains("多少")),
                             Not(Contains("要"))));
  EXPECT_THAT(Texts(ContentTerms(Fold(U"How much data does the Week Plus pass include?"))),
              ElementsAre("data", "week", "plus", "pass", "includ"));
}

TEST(ContentTermsTest, IdentifiersStayWhole) {
  const std::vector<Term> terms = ContentTerms(Fold(U"缺陷QJ-26-019的原因"));
  EXPECT_THAT(Texts(terms), Contains("qj-26-019"));
  EXPECT_TRUE(std::any_of(terms.begin(), terms.end(), [](const Term& t) { return t.identifier; }));
}

TEST(NumbersTest, FormsOfOneValueAreEqual) {
  EXPECT_THAT(Numbers(U"1,800", true), ElementsAre("1800"));
  EXPECT_THAT(Numbers(U"1800.00", true), ElementsAre("1800"));
  EXPECT_THAT(Numbers(U"一千八百元", true), ElementsAre("1800"));
  EXPECT_THAT(Numbers(U"二〇二五年", true), ElementsAre("2025"));
  EXPECT_THAT(Numbers(U"99.95 %", true), ElementsAre("99.95"));
  EXPECT_THAT(Numbers(U"2.5万元", true), ElementsAre("2.5", "25000"));
  EXPECT_THAT(Numbers(U"five working days", true), ElementsAre("5"));
  EXPECT_THAT(Numbers(U"05:00", true), ElementsAre("5", "0"));
}

TEST(NumbersTest, NumeralsInsideWordsAreNoQuantities) {
  EXPECT_THAT(Numbers(U"统一答复，一律回避", true), IsEmpty());
  EXPECT_THAT(Numbers(U"三个月", true), ElementsAre("3"));
  EXPECT_THAT(Numbers(U"no one", true), IsEmpty());
}

TEST(IsChineseTest, LatinUnitsDoNotChangeTheLanguage) {
  EXPECT_TRUE(IsChinese(U"UPF-YX-03设计吞吐400Gbps"));
  EXPECT_FALSE(IsChinese(U"The word 汉字 stands in an English sentence of some length."));
  EXPECT_FALSE(IsChinese(U"42"));
}

TEST(ToCodePointsTest, InvalidBytesBecomeReplacementCharacters) {
  EXPECT_EQ(ToCodePoints("a\xFF" "b"), (std::u32string{U'a', 0xFFFD, U'b'}));
}

}  // namespace
}  // namespace hadal::answer
