#include "inference/sampling/random.h"

#include <gtest/gtest.h>

#include <set>

namespace hadal::inference {
namespace {

// Known answers published with the Random123 library (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, KnownAnswers) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(UniformDraw, DependsOnBothKeysAndIsUniform) {
  std::set<double> seen;
  double sum = 0.0;
  int below_tenth = 0;
  constexpr int kSeeds = 50;
  constexpr int kPositions = 400;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (uint64_t position = 0; position < kPositions; ++position) {
      const double u = UniformDraw(seed, position);
      ASSERT_GE(u, 0.0);
      ASSERT_LT(u, 1.0);
      seen.insert(u);
      sum += u;
      below_tenth += u < 0.1;
    }
  }
  constexpr double kDraws = kSeeds * kPositions;
  EXPECT_EQ(seen.size(), static_cast<size_t>(kDraws));
  EXPECT_NEAR(sum / kDraws, 0.5, 0.01);
  EXPECT_NEAR(below_tenth / kDraws, 0.1, 0.01);
  EXPECT_NE(UniformDraw(1, 2), UniformDraw(uint64_t{1} << 32, 2));
  EXPECT_NE(UniformDraw(1, 2), UniformDraw(1, (uint64_t{1} << 32) + 2));
}

}  // namespace
}  // namespace hadal::inference
