#include "retrieval/index/dense_index.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "retrieval/index/dot_product.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

std::vector<float> RandomUnitVectors(size_t count, size_t dim, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> vectors(count * dim);
  for (size_t i = 0; i < count; ++i) {
    double norm = 0;
    for (size_t d = 0; d < dim; ++d) {
      const float value = normal(random);
      vectors[i * dim + d] = value;
      norm += double{value} * value;
    }
    for (size_t d = 0; d < dim; ++d) vectors[i * dim + d] /= static_cast<float>(std::sqrt(norm));
  }
  return vectors;
}

TEST(DotProductTest, EveryPathAgreesWithTheReference) {
  std::mt19937 random(7);
  for (const size_t dim : {1u, 3u, 8u, 15u, 16u, 17u, 31u, 32u, 33u, 96u, 383u, 384u, 385u}) {
    const std::vector<float> base = RandomUnitVectors(20, dim, random);
    const std::vector<float> query = RandomUnitVectors(1, dim, random);
    const std::vector<uint32_t> rows = {0, 3, 4, 7, 11, 12, 13, 19};
    std::vector<float> expected(rows.size());
    ScoreRowsScalar(base.data(), dim, query.data(), rows, expected.data());
    for (const ScoreRowsFn path : AvailableScoreRows()) {
      std::vector<float> scores(rows.size());
      path(base.data(), dim, query.data(), rows, scores.data());
      for (size_t i = 0; i < rows.size(); ++i) {
        EXPECT_NEAR(scores[i], expected[i], 2e-6) << "dim " << dim;
        float alone = 0;
        path(base.data(), dim, query.data(), {&rows[i], 1}, &alone);
        EXPECT_EQ(alone, scores[i]) << "a row's score depends on its neighbours, dim " << dim;
      }
    }
  }
}

TEST(DenseIndexTest, OurScanAndFaissFindTheSame) {
  constexpr int32_t kDim = 48;
  std::mt19937 random(11);
  DenseIndex index(kDim);
  index.Add(RandomUnitVectors(500, kDim, random));
  ASSERT_EQ(index.size(), 500u);
  for (const double share : {1.0, 0.1, 0.01, 0.0}) {
    ::Roaring allowed;
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < 500; ++slot) {
      if (std::uniform_real_distribution<>()(random) >= share) continue;
      allowed.add(slot);
      slots.push_back(slot);
    }
    const std::vector<float> query = RandomUnitVectors(1, kDim, random);
    const std::vector<float> scores = index.Score(query, slots);
    std::vector<std::pair<float, uint32_t>> expected;
    for (size_t i = 0; i < slots.size(); ++i) expected.push_back({-scores[i], slots[i]});
    std::sort(expected.begin(), expected.end());
    const std::vector<DenseHit> hits = index.SearchFaiss(query, 10, allowed);
    ASSERT_EQ(hits.size(), std::min<size_t>(10, slots.size()));
    for (size_t i = 0; i < hits.size(); ++i) {
      EXPECT_EQ(hits[i].slot, expected[i].second);
      EXPECT_NEAR(hits[i].score, -expected[i].first, 2e-6);
      EXPECT_TRUE(allowed.contains(hits[i].slot));
    }
  }
}

}  // namespace
}  // namespace hadal::retrieval
