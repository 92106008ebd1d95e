#include "services/answer/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/services/answer/fixtures.h"

namespace hadal::answer {
namespace {

using ::testing::ElementsAre;

class EvidenceTest : public ::testing::Test {
 protected:
  EvidenceTest() {
    AddHit(hits_, "T", "岚桥通信家庭宽带装维服务规范", kBroadband, 300);
    AddHit(hits_, "S", "鹭沙海上风电场出海作业安全规程", kLimits);
    AddHit(hits_, "C", "Motor Claims Handling Guideline", kClaims);
    sources_ = PrepareSources(hits_);
  }
  Evidence Weigh(const char* question) const {
    return WeighEvidence(ParseQuestion(question), sources_, {});
  }
  std::string Best(const Evidence& evidence) const {
    const SentenceScore& best = evidence.ranking.front();
    return ToUtf8(sources_[best.source].sentences[best.sentence].prompt_text);
  }

  internal::v1::SearchResponse hits_;
  std::vector<Source> sources_;
};

TEST_F(EvidenceTest, FindsTheSentence) {
  const Evidence evidence = Weigh("光猫丢失要赔多少钱？");
  EXPECT_EQ(evidence.verdict, Verdict::kPresent);
  EXPECT_EQ(Best(evidence), "丢失或人为损坏的，按每台120元赔偿。");
}

TEST_F(EvidenceTest, FindsTheRowAndNamesItsCells) {
  const Evidence evidence = Weigh("运维母船允许的最大有义波高是多少？");
  EXPECT_EQ(evidence.verdict, Verdict::kPresent);
  EXPECT_EQ(Best(evidence), "船舶类型: 运维母船; 最大有义波高（米）: 2.5; 核定乘员（人）: 60");
}

TEST_F(EvidenceTest, TraditionalQuestionFindsSimplifiedText) {
  EXPECT_EQ(Weigh("機頂盒保修期多久？").verdict, Verdict::kPresent);
}

TEST_F(EvidenceTest, EnglishInflectionsMatch) {
  EXPECT_EQ(Weigh("How much additional excess does a young driver under 25 pay?").verdict,
            Verdict::kPresent);
}

TEST_F(EvidenceTest, TheTitleAloneIsNoEvidence) {
  EXPECT_EQ(Weigh("岚桥通信的董事长叫什么名字？").verdict, Verdict::kNone);
  EXPECT_EQ(Weigh("鹭沙海上风电场的上网电量是多少？").verdict, Verdict::kNone);
  EXPECT_EQ(Weigh("Who painted the motor show poster?").verdict, Verdict::kNone);
}

TEST_F(EvidenceTest, AnUnknownIdentifierIsAbsence) {
  const Evidence evidence = Weigh("光猫GX-700丢失要赔多少钱？");
  EXPECT_EQ(evidence.verdict, Verdict::kNone);
  ASSERT_EQ(evidence.missing.size(), 1u);
  EXPECT_EQ(ToUtf8(evidence.missing[0].text), "gx-700");
}

TEST_F(EvidenceTest, NothingRetrievedIsNoEvidence) {
  EXPECT_EQ(WeighEvidence(ParseQuestion("光猫丢失要赔多少钱？"), {}, {}).verdict, Verdict::kNone);
  EXPECT_EQ(Weigh("").verdict, Verdict::kNone);
  EXPECT_EQ(Weigh("多少？").verdict, Verdict::kNone);
}

TEST(SourceTest, NearDuplicatesAreDropped) {
  internal::v1::SearchResponse hits;
  AddHit(hits, "A", "规范", kBroadband);
  AddHit(hits, "B", "规范（副本）", std::string(kBroadband) + " ");
  AddHit(hits, "C", "规程", kLimits);
  const std::vector<Source> sources = PrepareSources(hits);
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].hit->chunk().document_id(), "A");
  EXPECT_EQ(sources[1].hit->chunk().document_id(), "C");
}

TEST(SourceTest, ARowOfValuesNamesNoColumns) {
  internal::v1::SearchResponse hits;
  AddHit(hits, "A", "表", "BL-50 | 发电机 | 2025-05-18\nBL-51 | 叶片 | 2025-05-19");
  const std::vector<Source> sources = PrepareSources(hits);
  EXPECT_EQ(sources[0].sentences[1].header, -1);
  EXPECT_EQ(ToUtf8(sources[0].sentences[1].prompt_text), "BL-51 | 叶片 | 2025-05-19");
}

TEST(SourceTest, LanguageIsThatOfTheSentence) {
  internal::v1::SearchResponse hits;
  AddHit(hits, "A", "FAQ",
         "营业时间为9时至17时。\nA long English paragraph follows, with far more letters than the "
         "Chinese line above it, so that the chunk as a whole looks English to a counter.");
  const std::vector<Source> sources = PrepareSources(hits);
  EXPECT_TRUE(sources[0].sentences[0].chinese);
  EXPECT_FALSE(sources[0].sentences[1].chinese);
  EXPECT_EQ(WeighEvidence(ParseQuestion("营业时间是几点到几点？"), sources, {}).verdict,
            Verdict::kPresent);
}

TEST(SplitQuestionTest, EachQuestionByItself) {
  EXPECT_THAT(SplitQuestion("甲是多少？乙是多少？", 3), ElementsAre("甲是多少？", "乙是多少？"));
  EXPECT_THAT(SplitQuestion("光猫怎么赔", 3), ElementsAre("光猫怎么赔"));
  EXPECT_THAT(SplitQuestion("Is alpha red? Is beta blue? Is gamma green?", 2),
              ElementsAre("Is alpha red?", " Is beta blue? Is gamma green?"));
  EXPECT_THAT(SplitQuestion("光猫怎么赔？？", 3), ElementsAre("光猫怎么赔？"));
}

}  // namespace
}  // namespace hadal::answer
