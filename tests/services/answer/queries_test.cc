#include "services/answer/queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/services/answer/fixtures.h"

namespace hadal::answer {
namespace {

using ::testing::ElementsAre;

TEST(SearchQueriesTest, OneQuestionIsOneQuery) {
  EXPECT_THAT(SearchQueries("光猫丢失要赔多少钱？", 4), ElementsAre("光猫丢失要赔多少钱？"));
  EXPECT_THAT(SearchQueries("Who pays?", 4), ElementsAre("Who pays?"));
  // A condition is no question of its own.
  EXPECT_THAT(SearchQueries("设备停电后，要等多久？", 4), ElementsAre("设备停电后，要等多久？"));
}

TEST(SearchQueriesTest, SeveralQuestionsAreSearchedOneByOne) {
  EXPECT_THAT(SearchQueries("光猫赔多少钱？机顶盒保修多久？", 4),
              ElementsAre("光猫赔多少钱？机顶盒保修多久？", "光猫赔多少钱？", "机顶盒保修多久？"));
  EXPECT_THAT(SearchQueries("电站放电多少兆瓦，该站有几个集装箱？", 4),
              ElementsAre("电站放电多少兆瓦，该站有几个集装箱？", "电站放电多少兆瓦，",
                          "该站有几个集装箱？"));
}

TEST(SearchQueriesTest, AComparisonIsSearchedForBothThings) {
  EXPECT_THAT(
      SearchQueries("双体船和交通艇哪个载人多？", 4),
      ElementsAre("双体船和交通艇哪个载人多？", "双体船哪个载人多？", "交通艇哪个载人多？"));
  EXPECT_THAT(SearchQueries("城区与乡镇的修复时限各是多少？", 4),
              ElementsAre("城区与乡镇的修复时限各是多少？", "城区的修复时限各是多少？",
                          "乡镇的修复时限各是多少？"));
  EXPECT_THAT(SearchQueries("What is the difference between Fibre Plus and Fibre Basic?", 4),
              ElementsAre("What is the difference between Fibre Plus and Fibre Basic?",
                          "Fibre Plus", "Fibre Basic"));
}

TEST(SearchQueriesTest, HasABound) {
  EXPECT_EQ(SearchQueries("甲是多少？乙是多少？丙是多少？丁是多少？", 3).size(), 3u);
  EXPECT_EQ(SearchQueries("甲是多少？乙是多少？", 1).size(), 1u);
}

internal::v1::SearchResponse Found(const std::vector<std::string>& documents) {
  internal::v1::SearchResponse found;
  found.set_complete(true);
  for (const std::string& document : documents) AddHit(found, document, "标题", "文字");
  return found;
}

std::vector<std::string> Documents(const internal::v1::SearchResponse& found) {
  std::vector<std::string> documents;
  for (const auto& hit : found.hits()) documents.push_back(hit.chunk().document_id());
  return documents;
}

TEST(MergeHitsTest, TakesFromEachInTurnAndEveryChunkOnce) {
  const auto merged = MergeHits({Found({"A", "B", "C"}), Found({"B", "D"})}, 10);
  EXPECT_THAT(Documents(merged), ElementsAre("A", "B", "D", "C"));
  EXPECT_TRUE(merged.complete());
  EXPECT_THAT(Documents(MergeHits({Found({"A", "B"}), Found({"C"})}, 2)), ElementsAre("A", "C"));
  EXPECT_THAT(Documents(MergeHits({Found({"A"}), Found({"B"}), Found({"C"})}, 1)),
              ElementsAre("A", "B", "C"));
}

TEST(MergeHitsTest, IsCompleteOnlyWhenAllAre) {
  auto half = Found({"A"});
  half.set_complete(false);
  EXPECT_FALSE(MergeHits({Found({"B"}), half}, 5).complete());
  EXPECT_TRUE(MergeHits({}, 5).hits().empty());
}

}  // namespace
}  // namespace hadal::answer
