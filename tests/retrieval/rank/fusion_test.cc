#include "retrieval/rank/fusion.h"

#include <algorithm>
#include <cmath>

#include "retrieval/rank/bm25.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;

TEST(Bm25Test, MatchesTheFormula) {
  // N 10, n 3: log(1 + 7.5 / 3.5).
  EXPECT_DOUBLE_EQ(InverseDocumentFrequency(10, 3), std::log(1 + 7.5 / 3.5));
  // tf 2, |d| 50, avg 100: 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 0.5)).
  EXPECT_DOUBLE_EQ(TermSaturation(2, 50, 100), 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 0.5)));
}

TEST(Bm25Test, IdfIsNeverNegativeAndFallsWithFrequency) {
  double last = 1e9;
  for (uint64_t n = 0; n <= 100; ++n) {
    const double idf = InverseDocumentFrequency(100, n);
    EXPECT_GT(idf, 0);
    EXPECT_LT(idf, last);
    last = idf;
  }
}

TEST(FusionTest, TheOtherLanguageIsFound) {
  // All of language 1 lies below all of language 2, as e5 does it; chunk 1 stands out in
  // language 1.
  const std::vector<float> dense = {0.70f, 0.78f, 0.71f, 0.70f, 0.71f, 0.70f,
                                    0.85f, 0.86f, 0.84f, 0.85f, 0.86f, 0.84f};
  const std::vector<float> none(12, 0.0f);
  const std::vector<uint8_t> language = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
  const std::vector<double> fused = FuseScores(dense, none, none, language);
  EXPECT_EQ(BestIndexes(fused, 1).front(), 1u);
}

TEST(FusionTest, TheBestOfEachLanguageCountsAlike) {
  // Both languages have a passage that stands out, in the second one by less.
  std::vector<float> dense(20, 0.70f);
  dense[3] = 0.80f;
  dense[12] = 0.75f;
  for (size_t i = 0; i < dense.size(); i += 2) dense[i] += 0.01f;
  std::vector<uint8_t> language(20, 1);
  std::fill(language.begin() + 10, language.end(), 2);
  const std::vector<float> none(20, 0.0f);
  const std::vector<double> fused = FuseScores(dense, none, none, language);
  EXPECT_NEAR(fused[3], DenseWeight(0), 1e-9);
  EXPECT_NEAR(fused[12], DenseWeight(0), 1e-9);
}

TEST(FusionTest, AQuestionInTheWordsOfAChunkIsLeftToTheWords) {
  // Chunk 0 is near in meaning, chunk 1 holds the words.
  const std::vector<float> dense = {0.9f, 0.8f, 0.7f, 0.7f, 0.7f, 0.7f, 0.7f};
  const std::vector<float> lexical = {1.0f, 9.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  const std::vector<uint8_t> language(7, 1);
  std::vector<float> coverage = {0.1f, 0.95f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  EXPECT_EQ(BestIndexes(FuseScores(dense, lexical, coverage, language), 1).front(), 1u);
  coverage[1] = 0.1f;  // the best chunk holds a tenth of what was asked for
  EXPECT_EQ(BestIndexes(FuseScores(dense, lexical, coverage, language), 1).front(), 0u);
  EXPECT_GT(DenseWeight(0), DenseWeight(0.5));
  EXPECT_GT(DenseWeight(1), 0);
}

TEST(FusionTest, WithoutAVectorTheWordsStandIn) {
  const std::vector<float> dense = {0.8f, 0.7f, 0.6f, 0.0f, 0.0f};
  const std::vector<float> lexical = {0.0f, 2.0f, 0.0f, 4.0f, 1.0f};
  const std::vector<float> coverage = {0.0f, 0.2f, 0.0f, 0.4f, 0.1f};
  const std::vector<uint8_t> language = {1, 1, 1, 1, 1};
  const std::vector<double> fused = FuseScores(dense, lexical, coverage, language, {3, 4});
  // The best by its words is as good as the best of both channels; a weak match is behind those
  // whose meaning is near.
  const double weight = DenseWeight(0.4f);
  EXPECT_NEAR(fused[3], 1.0, 1e-6);
  EXPECT_NEAR(fused[4], weight * 0.0625 + (1 - weight) * 0.25, 1e-6);
  EXPECT_GT(fused[0], fused[4]);
  // The others' cosines are scaled among themselves.
  const std::vector<double> alone =
      FuseScores({0.8f, 0.7f, 0.6f}, {0.0f, 2.0f, 4.0f}, {0.0f, 0.2f, 0.4f}, {1, 1, 1});
  EXPECT_DOUBLE_EQ(fused[0], alone[0]);
  EXPECT_DOUBLE_EQ(fused[1], alone[1]);
  // Nothing has a vector: by words alone.
  EXPECT_EQ(BestIndexes(FuseScores(dense, lexical, coverage, language, {0, 1, 2, 3, 4}), 3),
            (std::vector<uint32_t>{3, 1, 4}));
}

TEST(FusionTest, LexicalBreaksADenseTie) {
  const std::vector<double> fused =
      FuseScores({0.8f, 0.8f, 0.2f}, {0.0f, 3.0f, 0.0f}, {0.0f, 0.5f, 0.0f}, {0, 0, 0});
  EXPECT_THAT(BestIndexes(fused, 3), ElementsAre(1, 0, 2));
}

TEST(FusionTest, OneChunkOrEqualScoresAreNoError) {
  EXPECT_THAT(FuseScores({0.5f}, {0.0f}, {0.0f}, {0}), ElementsAre(0.0));
  EXPECT_THAT(FuseScores({}, {}, {}, {}), ElementsAre());
  for (const double score : FuseScores({0.5f, 0.5f}, {1.0f, 1.0f}, {1.0f, 1.0f}, {0, 1})) {
    EXPECT_TRUE(std::isfinite(score));
  }
}

TEST(FusionTest, EveryThirdPlaceIsAnotherLanguages) {
  const std::vector<double> scores = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  const std::vector<uint8_t> language = {1, 1, 1, 1, 0, 1, 1, 2, 3, 1};
  EXPECT_THAT(BestOfLanguages(scores, language, 6), ElementsAre(0, 1, 7, 2, 3, 8));
  // Where another language has a good place already nothing is moved.
  EXPECT_THAT(BestOfLanguages({9, 8, 7, 6}, {1, 2, 1, 1}, 4), ElementsAre(0, 1, 2, 3));
  // One language, or fewer than three places: the scores alone.
  EXPECT_THAT(BestOfLanguages({9, 8, 7, 6}, {1, 1, 1, 0}, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(BestOfLanguages({9, 8, 7, 6}, {1, 1, 1, 2}, 2), ElementsAre(0, 1));
  EXPECT_THAT(BestOfLanguages({}, {}, 5), ElementsAre());
}

TEST(FusionTest, BestIndexesAreStable) {
  EXPECT_THAT(BestIndexes({1.0, 2.0, 2.0, 0.0}, 3), ElementsAre(1, 2, 0));
  EXPECT_THAT(BestIndexes({1.0}, 5), ElementsAre(0));
}

}  // namespace
}  // namespace hadal::retrieval
