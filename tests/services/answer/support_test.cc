#include "services/answer/support.h"

#include <gtest/gtest.h>

#include "services/answer/citations.h"
#include "tests/services/answer/fixtures.h"

namespace hadal::answer {
namespace {

class SupportTest : public ::testing::Test {
 protected:
  SupportTest() {
    AddHit(hits_, "T", "岚桥通信家庭宽带装维服务规范", kBroadband, 300, 2);
    AddHit(hits_, "S", "鹭沙海上风电场出海作业安全规程", kLimits, 50);
    AddHit(hits_, "C", "Motor Claims Handling Guideline", kClaims);
    sources_ = PrepareSources(hits_);
  }
  SupportCheck Check(const char* question, const std::u32string& answer) const {
    const Question parsed = ParseQuestion(question);
    return CheckSupport(parsed, answer, sources_, {0, 1, 2}, WeighEvidence(parsed, sources_, {}),
                        {});
  }

  internal::v1::SearchResponse hits_;
  std::vector<Source> sources_;
};

TEST_F(SupportTest, AnAnswerFromTheSentenceIsSupported) {
  const SupportCheck check = Check("光猫丢失要赔多少钱？", U"光猫丢失或人为损坏的，每台赔偿120元。");
  ASSERT_TRUE(check.supported) << check.problem;
  ASSERT_EQ(check.attributions.size(), 1u);
  const Attribution& attribution = check.attributions[0];
  EXPECT_EQ(ToUtf8(sources_[attribution.source].sentences[attribution.sentence].prompt_text),
            "丢失或人为损坏的，按每台120元赔偿。");
}

TEST_F(SupportTest, AWrongNumberIsNot) {
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"光猫丢失或人为损坏的，每台赔偿150元。").supported);
}

TEST_F(SupportTest, ANumberOfAnotherDocumentIsNot) {
  // 250 stands in the English guideline only.
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"光猫丢失或人为损坏的，每台赔偿250元。").supported);
}

TEST_F(SupportTest, TheOtherWayToWriteANumberIs) {
  EXPECT_TRUE(Check("机顶盒保修期是多久？", U"机顶盒保修期为2年。").supported);
  EXPECT_TRUE(Check("机顶盒保修期是多久？", U"机顶盒保修期为二年。").supported);
}

TEST_F(SupportTest, InventedWordsAreNot) {
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"请携带身份证前往营业厅柜台办理挂失登记手续。").supported);
}

TEST_F(SupportTest, OneUnsupportedSentenceWithholdsAll) {
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？",
                     U"光猫丢失的，每台赔偿120元。另收上门费35元。").supported);
}

TEST_F(SupportTest, AnIdentifierMustStandInTheSource) {
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"光猫丢失按规范LQ-77每台赔偿120元。").supported);
}

TEST_F(SupportTest, RepeatingTheQuestionIsNoAnswer) {
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"光猫丢失要赔钱。").supported);
  EXPECT_FALSE(Check("光猫丢失要赔多少钱？", U"").supported);
}

TEST_F(SupportTest, AnotherSentenceOfTheSourceIsNotAboutTheQuestion) {
  EXPECT_FALSE(Check("运维母船最大有义波高是多少？", U"机顶盒保修期为两年。").supported);
}

TEST_F(SupportTest, TheNumberOfAnotherRowIsNot) {
  EXPECT_TRUE(Check("运维母船最大有义波高是多少？", U"运维母船最大有义波高为2.5米。").supported);
  EXPECT_FALSE(Check("运维母船最大有义波高是多少？", U"最大有义波高为1.5米。").supported);
}

TEST_F(SupportTest, EnglishAnswer) {
  EXPECT_TRUE(Check("How much additional excess do drivers younger than 25 pay?",
                    U"Drivers younger than 25 pay an additional excess of EUR 250.").supported);
  EXPECT_FALSE(Check("How much additional excess do drivers younger than 25 pay?",
                     U"Drivers younger than 25 pay an additional excess of EUR 450.").supported);
}

TEST_F(SupportTest, TranslatedAnswerIsComparedByItsNumbers) {
  const Question asked = ParseQuestion("25岁以下的驾驶员要多付多少免赔额？");
  const Question translated =
      ParseQuestion("How much additional excess do drivers younger than 25 pay?");
  const Evidence evidence = WeighEvidence(translated, sources_, {});
  const auto check = [&](const std::u32string& answer) {
    return CheckTranslatedSupport(asked, answer, sources_, {2}, evidence, {});
  };
  EXPECT_TRUE(check(U"额外免赔额为250欧元。").supported);
  EXPECT_FALSE(check(U"额外免赔额为120欧元。").supported);
  EXPECT_FALSE(check(U"没有额外的免赔额。").supported);
  EXPECT_FALSE(check(U"").supported);
}

TEST_F(SupportTest, CitationsCountCodePointsOfTheDocument) {
  const SupportCheck check = Check("光猫丢失要赔多少钱？", U"光猫丢失的，每台赔偿120元。");
  ASSERT_TRUE(check.supported) << check.problem;
  std::vector<v1::Citation> citations;
  EXPECT_EQ(Cite(U"光猫丢失的，每台赔偿120元。", check.attributions, sources_, citations),
            "光猫丢失的，每台赔偿120元[1]。");
  ASSERT_EQ(citations.size(), 1u);
  const v1::Citation& citation = citations[0];
  const std::u32string text = ToCodePoints(kBroadband);
  const std::string slice =
      ToUtf8(text.substr(citation.start() - 300, citation.end() - citation.start()));
  EXPECT_EQ(citation.quote(), slice);
  EXPECT_EQ(citation.quote(), "丢失或人为损坏的，按每台120元赔偿。");
  EXPECT_EQ(citation.document_id(), "T");
  EXPECT_EQ(citation.chunk_id(), "T#1.0");
  EXPECT_EQ(citation.page(), 2);
}

TEST_F(SupportTest, OneQuoteHasOneNumber) {
  std::vector<v1::Citation> citations;
  const std::vector<Attribution> twice = {{{0, 2}, 0, 1}, {{2, 4}, 0, 1}, {{4, 6}, 0, 2}};
  EXPECT_EQ(Cite(U"甲。乙。丙。", twice, sources_, citations), "甲[1]。乙[1]。丙[2]。");
  EXPECT_EQ(citations.size(), 2u);
}

TEST(IsRefusalTest, KnowsBothLanguages) {
  EXPECT_TRUE(IsRefusal(U"文档中没有找到相关内容。"));
  EXPECT_TRUE(IsRefusal(U"Not found in the documents."));
  EXPECT_FALSE(IsRefusal(U"光路中断。"));
}

}  // namespace
}  // namespace hadal::answer
