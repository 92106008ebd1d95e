#include "retrieval/index/row_codes.h"

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

struct CodedRows {
  std::vector<int8_t> codes;
  std::vector<RowCode> rows;
  float max_norm = 0;

  CodedRows(const std::vector<float>& vectors, size_t dim) {
    codes.resize(vectors.size() / dim * CodeStride(dim));
    for (size_t i = 0; i < vectors.size() / dim; ++i) {
      rows.push_back(
          EncodeRow({vectors.data() + i * dim, dim}, codes.data() + i * CodeStride(dim)));
      max_norm = std::max(max_norm, rows.back().norm);
    }
  }
};

TEST(RowCodesTest, EveryPathGivesTheSameIntegers) {
  std::mt19937 random(8);
  for (const size_t dim : {1u, 7u, 63u, 64u, 65u, 384u, 1024u, 4096u}) {
    constexpr size_t kRows = 20;
    const std::vector<float> vectors = RandomUnitVectors(kRows, dim, random);
    CodedRows coded(vectors, dim);
    // The extremes, which must not overflow or saturate on any path.
    std::fill_n(coded.codes.begin(), dim, int8_t{127});
    std::fill_n(coded.codes.begin() + static_cast<std::ptrdiff_t>(CodeStride(dim)), dim,
                int8_t{-127});
    for (const bool extreme : {false, true}) {
      std::vector<float> query = RandomUnitVectors(1, dim, random);
      if (extreme) std::fill(query.begin(), query.end(), -1.0f);
      const CodedQuery coded_query(query);
      const std::vector<uint32_t> rows = {0, 1, 2, 5, 9, 10, 11, 12, 13, 14, 15, 19};
      std::vector<int32_t> expected(rows.size());
      AvailableCodeKernels().back().scan(coded.codes.data(), coded_query, rows, expected.data());
      const size_t stride = CodeStride(dim);
      for (const CodeKernels& path : AvailableCodeKernels()) {
        std::vector<int32_t> products(rows.size());
        path.scan(coded.codes.data(), coded_query, rows, products.data());
        EXPECT_EQ(products, expected) << "dim " << dim;
        for (size_t i = 1; i < kRows; ++i) {
          const int8_t* a = coded.codes.data() + (i - 1) * stride;
          const int8_t* b = coded.codes.data() + i * stride;
          EXPECT_EQ(path.dot(a, b, stride), AvailableCodeKernels().back().dot(a, b, stride));
        }
      }
    }
  }
}

// The scan is exact because of this bound alone.
TEST(RowCodesTest, TheBoundHoldsAndIsNarrow) {
  std::mt19937 random(9);
  for (const size_t dim : {3u, 64u, 100u, 384u, 2048u}) {
    constexpr size_t kRows = 300;
    std::vector<float> vectors = RandomUnitVectors(kRows, dim, random);
    for (size_t d = 0; d < dim; ++d) vectors[d] *= 40.0f;                        // a long row
    std::fill_n(vectors.begin() + static_cast<std::ptrdiff_t>(dim), dim, 0.0f);  // and none
    const CodedRows coded(vectors, dim);
    std::vector<uint32_t> rows(kRows);
    for (uint32_t i = 0; i < kRows; ++i) rows[i] = i;
    for (int round = 0; round < 20; ++round) {
      const std::vector<float> query = RandomUnitVectors(1, dim, random);
      const CodedQuery coded_query(query);
      std::vector<int32_t> products(kRows);
      FastestCodeKernels().scan(coded.codes.data(), coded_query, rows, products.data());
      std::vector<float> exact(kRows);
      FastestScoreRows()(vectors.data(), dim, query.data(), rows, exact.data());
      for (size_t i = 0; i < kRows; ++i) {
        const float approximate =
            static_cast<float>(products[i]) * (coded_query.scale() * coded.rows[i].scale);
        const float bound = coded_query.Error(coded.rows[i].error, coded.rows[i].norm);
        ASSERT_LE(std::abs(approximate - exact[i]), bound) << "dim " << dim << " row " << i;
        if (i > 1) {
          EXPECT_LT(bound, 0.02);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hadal::retrieval
