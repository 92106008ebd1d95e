// What the bounds leave out must not be among the best: enough chunks that nothing is refined
// beforehand, against the same formulas over all of them.

#include "retrieval/index/fused_search.h"

#include <algorithm>
#include <memory>
#include <random>

#include "retrieval/index/dense_scan.h"
#include "retrieval/index/lexical_search.h"
#include "retrieval/index/memory_segment.h"
#include "retrieval/rank/fusion.h"
#include "tests/retrieval/index/chunk_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kDim = 24;
constexpr uint64_t kChunks = 12'000;

/// Topics of chunks near each other, two languages that lie apart, some chunks without a vector.
void Fill(std::mt19937& random, bool pending, MemorySegment& segment) {
  std::vector<std::vector<float>> topics;
  for (int i = 0; i < 60; ++i) topics.push_back(RandomVector(kDim, random));
  for (uint64_t number = 0; number < kChunks; ++number) {
    const uint8_t language = random() % 3 == 0;
    std::vector<float> vector = topics[random() % topics.size()];
    const std::vector<float> noise = RandomVector(kDim, random);
    double norm = 0;
    for (size_t d = 0; d < kDim; ++d) {
      vector[d] += 0.4f * noise[d] + (d == 0 ? 0.8f * language : 0.0f);
      norm += double{vector[d]} * vector[d];
    }
    for (float& value : vector) value /= static_cast<float>(std::sqrt(norm));
    if (pending && random() % 10 == 0) vector.clear();
    segment.Add(number, language, RandomTerms(random, 60, 300), vector);
  }
}

std::vector<Candidate> ScoreAll(const IndexQuery& query, absl::Span<const SearchPart> parts,
                                size_t k) {
  DenseScan dense(query.vector, parts);
  const LanguageScaling scaling(dense.cosines(), dense.groups());
  std::vector<size_t> all(dense.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  dense.Refine(all);
  const std::vector<LexicalScore> lexical = LexicalSearch(query.terms, parts).Score(all);
  const auto best =
      std::max_element(lexical.begin(), lexical.end(),
                       [](const auto& a, const auto& b) { return a.score < b.score; });
  Fusion fusion;
  fusion.dense_weight = DenseWeight(best->coverage);
  fusion.best_lexical = best->score;
  for (size_t i = 0; i < all.size(); ++i) {
    double& of_group = fusion.best_dense[dense.groups()[i]];
    of_group = std::max(of_group, scaling(dense.cosines()[i], dense.groups()[i]));
  }
  std::vector<Candidate> candidates;
  std::vector<double> scores;
  std::vector<uint8_t> languages;
  for (size_t i = 0; i < all.size(); ++i) {
    const uint16_t group = dense.groups()[i];
    const uint32_t slot = parts[0].slot(i);
    scores.push_back(fusion.Score(scaling(dense.cosines()[i], group), lexical[i].score, group));
    languages.push_back(parts[0].segment->languages()[slot]);
    candidates.push_back({parts[0].segment->numbers()[slot], scores.back(), dense.cosines()[i],
                          lexical[i].score, lexical[i].coverage});
  }
  std::vector<Candidate> ordered;
  const bool spread = best->coverage < kWeakCoverage;
  for (const uint32_t i : spread ? BestOfLanguages(scores, languages, k) : BestIndexes(scores, k)) {
    ordered.push_back(candidates[i]);
  }
  return ordered;
}

TEST(FusedSearchTest, LeavesOutNothingThatBelongsToTheBest) {
  for (const bool pending : {false, true}) {
    std::mt19937 random(pending ? 21 : 20);
    MemorySegment segment(kDim);
    Fill(random, pending, segment);
    for (int round = 0; round < 25; ++round) {
      ::Roaring slots;
      uint64_t terms = 0;
      for (uint32_t slot = 0; slot < segment.size(); ++slot) {
        if (round % 2 == 1 && random() % 2 == 0) continue;
        slots.add(slot);
        terms += segment.lengths()[slot];
      }
      const std::vector<SearchPart> parts = {
          {&segment, std::make_shared<const AllowedSlots>(slots, terms, segment), 0}};
      IndexQuery query = {RandomVector(kDim, random), {}};
      for (unsigned i = 0; i < random() % 8; ++i) query.terms.push_back(1 + 40 * i + random() % 40);
      const size_t k = 1 + random() % 60;
      const IndexResult result = SearchExactly(query, k, parts);
      const std::vector<Candidate> expected = ScoreAll(query, parts, k);
      ASSERT_EQ(result.best.size(), k);
      for (size_t i = 0; i < k; ++i) {
        ASSERT_EQ(result.best[i].number, expected[i].number) << "round " << round << " rank " << i;
        EXPECT_EQ(result.best[i].score, expected[i].score);
        EXPECT_EQ(result.best[i].dense, expected[i].dense);
        EXPECT_EQ(result.best[i].lexical, expected[i].lexical);
        EXPECT_EQ(result.best[i].coverage, expected[i].coverage);
      }
      EXPECT_EQ(result.chunks_pending > 0, pending);
    }
  }
}

// The means and deviations of the codes stand for float32's.
TEST(FusedSearchTest, ScoresAreThoseOfTheCosinesThemselves) {
  std::mt19937 random(22);
  MemorySegment segment(kDim);
  Fill(random, false, segment);
  ::Roaring slots;
  slots.addRange(0, kChunks);
  const std::vector<SearchPart> parts = {
      {&segment, std::make_shared<const AllowedSlots>(slots, 1, segment), 0}};
  const IndexQuery query = {RandomVector(kDim, random), {}};
  DenseScan dense(query.vector, parts);
  std::vector<size_t> all(dense.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  dense.Refine(all);
  const std::vector<float> lexical(all.size());
  const std::vector<uint8_t> languages(segment.languages().begin(), segment.languages().end());
  const std::vector<double> fused = FuseScores(dense.cosines(), lexical, lexical, languages);
  for (const Candidate& candidate : SearchExactly(query, 50, parts).best) {
    EXPECT_NEAR(candidate.score, fused[candidate.number], 1e-3);
  }
}

}  // namespace
}  // namespace hadal::retrieval
