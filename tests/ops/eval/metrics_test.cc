#include "ops/eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/eval/text_match.h"

namespace hadal::eval {
namespace {

TEST(TextMatchTest, ANumberIsNoPartOfAnother) {
  EXPECT_TRUE(HoldsKeyword("最多5级", "5"));
  EXPECT_FALSE(HoldsKeyword("15级", "5"));
  EXPECT_FALSE(HoldsKeyword("0.5级", "5"));
  EXPECT_FALSE(HoldsKeyword("5.25级", "5"));
  EXPECT_TRUE(HoldsKeyword("5.0级", "5"));
  EXPECT_TRUE(HoldsKeyword("1.50倍", "1.5"));
  EXPECT_FALSE(HoldsKeyword("1.55", "1.5"));
}

TEST(TextMatchTest, SpellingIsFolded) {
  EXPECT_TRUE(HoldsKeyword("共１,０００ 元", "1000"));
  EXPECT_TRUE(HoldsKeyword("6GB", "6 gb"));
  EXPECT_TRUE(HoldsKeyword("1,234,567", "1234567"));
  EXPECT_FALSE(HoldsKeyword("", "5"));
  EXPECT_FALSE(HoldsKeyword("5", ""));
}

TEST(TextMatchTest, ShortWordsAreWords) {
  EXPECT_TRUE(HoldsKeyword("There is no penalty.", "no"));
  EXPECT_FALSE(HoldsKeyword("They know nothing.", "no"));
}

TEST(TextMatchTest, EveryGroupIsNeeded) {
  const Keywords keywords = {{"5级", "五级"}, {"1000"}};
  EXPECT_TRUE(HoldsKeywords("1000元，五级", keywords));
  EXPECT_FALSE(HoldsKeywords("1000元", keywords));
  EXPECT_FALSE(HoldsKeywords("1000元", {}));
}

TEST(TextMatchTest, SupportIsComparedByLetters) {
  const std::string chunk =
      LettersOf("第九条  因电网安全约束\n造成的偏差，免于考核。| A类 | 3.6 |");
  EXPECT_TRUE(Covers(chunk, {"", "因电网安全约束造成的偏差；免于考核", {}}));
  EXPECT_FALSE(Covers(chunk, {"", "因电网安全约束造成的费用", {}}));
  EXPECT_TRUE(Covers(chunk, {"", "", {"A类", "3.60"}}));
  EXPECT_FALSE(Covers(chunk, {"", "", {"A类", "3.70"}}));
}

class ScoreTest : public ::testing::Test {
 protected:
  ScoreTest() {
    set_.names = {{"d.txt", "D"}, {"D", "D"}, {"X", "X"}};
    set_.access = {{"anna", {"D"}}};
  }
  Report Of(const Question& question, const Reply& reply) {
    Report report{{1, 3}, {}, {}};
    Score(set_, question, reply, report);
    return report;
  }
  LabelledSet set_;
};

TEST_F(ScoreTest, RecallRankAndGain) {
  const Question question{.id = "1",
                          .kind = "multi-hop",
                          .documents = {"D"},
                          .support = {{"D", "alpha", {}}, {"D", "beta", {}}}};
  // Another document's text does not count, nor does a second passage with the same support.
  const Reply reply{.retrieved = {{"X", "alpha"}, {"d.txt", "the alpha"}, {"D", "alpha"}}};
  const Totals totals = Of(question, reply).kinds.at("multi-hop");
  EXPECT_EQ(totals.questions, 1);
  EXPECT_DOUBLE_EQ(totals.recall[0], 0);
  EXPECT_DOUBLE_EQ(totals.recall[1], 0.5);
  EXPECT_DOUBLE_EQ(totals.reciprocal_rank, 0.5);
  EXPECT_DOUBLE_EQ(totals.ndcg, (1 / std::log2(3.0)) / (1 + 1 / std::log2(3.0)));
  EXPECT_EQ(totals.asked, 0);
}

TEST_F(ScoreTest, WithoutSupportTheDocumentCounts) {
  const Question question{.id = "1", .kind = "reading", .documents = {"D"}};
  const Report report = Of(question, {.retrieved = {{"X", "a"}, {"D", "b"}}});
  EXPECT_DOUBLE_EQ(report.Answerable().recall[1], 1);
  EXPECT_DOUBLE_EQ(report.Answerable().recall[0], 0);
}

TEST_F(ScoreTest, AnswersAndRefusals) {
  const Question fact{.id = "1", .kind = "fact", .documents = {"D"}, .answer_keywords = {{"5"}}};
  EXPECT_EQ(Of(fact, {.asked = true, .answer = "5级"}).kinds.at("fact").right, 1);
  EXPECT_EQ(Of(fact, {.asked = true, .answer = "6级"}).kinds.at("fact").right, 0);
  const Totals refused =
      Of(fact, {.asked = true, .answer = "没有找到5", .refused = true}).kinds.at("fact");
  EXPECT_EQ(refused.right, 0);
  EXPECT_EQ(refused.refused, 1);
  const Question absent{.id = "2", .kind = "unanswerable"};
  const Report report = Of(absent, {.asked = true, .refused = true});
  EXPECT_EQ(report.kinds.at("unanswerable").right, 1);
  EXPECT_EQ(report.Answerable().questions, 0);
}

TEST_F(ScoreTest, LeaksAreFound) {
  Question question{.id = "1", .kind = "forbidden", .principal = "anna", .documents = {"X"}};
  question.support = {{"X", "the secret", {}}};
  question.forbidden_keywords = {{"268"}};
  EXPECT_TRUE(Of(question, {.retrieved = {{"D", "public"}}, .asked = true}).leaks.empty());
  const auto what = [&](const Reply& reply) {
    std::string all;
    for (const Leak& leak : Of(question, reply).leaks) all += leak.what + " ";
    return all;
  };
  EXPECT_EQ(what({.retrieved = {{"X", "other"}}}), "retrieved ");
  EXPECT_EQ(what({.asked = true, .answer = "268 MW"}), "answer ");
  EXPECT_EQ(what({.asked = true, .cited = {"X"}}), "cited ");
  // A copy of the text under a document he may read.
  EXPECT_EQ(what({.retrieved = {{"D", "it is the secret."}}}), "support ");
}

}  // namespace
}  // namespace hadal::eval
