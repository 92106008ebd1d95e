#include "inference/kernels/logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Device With(Isa isa) { return Device(std::make_shared<ThreadPool>(1), isa); }

/// Sizes with and without a rest after the last block and the last register.
constexpr size_t kSizes[] = {1, 15, 16, 256, 257, 4000, 5003};

std::vector<float> Logits(size_t count) {
  std::vector<float> x = RandomFloats(count, 51, 20.0f);
  for (size_t i = 7; i < count; i += 50) x[i] = -kInfinity;
  return x;
}

TEST(Logits, BlockMaxima) {
  for (const size_t count : kSizes) {
    const std::vector<float> x = Logits(count);
    for (const Isa isa : AvailableIsas()) {
      std::vector<float> maxima(NumLogitBlocks(count));
      EXPECT_TRUE(BlockMaxima(With(isa), x, absl::MakeSpan(maxima)));
      for (size_t b = 0; b < maxima.size(); ++b) {
        const auto block = absl::MakeConstSpan(x).subspan(b * kLogitBlock, kLogitBlock);
        EXPECT_EQ(maxima[b], *std::max_element(block.begin(), block.end())) << IsaName(isa);
      }
    }
  }
}

TEST(Logits, OfEqualLargestValuesTheFirst) {
  for (const size_t count : kSizes) {
    std::vector<float> x = Logits(count);
    std::vector<float> maxima(NumLogitBlocks(count));
    for (const size_t at : {count - 1, count / 2, size_t{0}}) {
      x[at] = 1000;
      EXPECT_TRUE(BlockMaxima(Device::CallingThread(), x, absl::MakeSpan(maxima)));
      EXPECT_EQ(IndexOfLargest(x, maxima), at);
    }
  }
}

TEST(Logits, WhatIsNoNumberIsFoundWhereverItStands) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity}) {
    for (const size_t at : {0, 17, 255, 256, 299, 300, 308}) {
      std::vector<float> x(309, -kInfinity);
      x[at] = bad;
      for (const Isa isa : AvailableIsas()) {
        std::vector<float> maxima(NumLogitBlocks(x.size()));
        EXPECT_FALSE(BlockMaxima(With(isa), x, absl::MakeSpan(maxima))) << IsaName(isa) << at;
      }
    }
  }
}

TEST(Logits, ExponentialsAndTheirSums) {
  for (const size_t count : kSizes) {
    const std::vector<float> x = Logits(count);
    const float largest = *std::max_element(x.begin(), x.end());
    for (const float scale : {0.01f, 1.0f, 3.0f, 1e30f}) {
      std::vector<float> scalar, scalar_sums;
      for (const Isa isa : AvailableIsas()) {
        std::vector<float> y(count), sums(NumLogitBlocks(count));
        ScaledExp(With(isa), x, largest, scale, absl::MakeSpan(y));
        BlockExpSums(With(isa), x, largest, scale, absl::MakeSpan(sums));
        if (isa == Isa::kScalar) {
          scalar = y;
          scalar_sums = sums;
        }
        EXPECT_TRUE(y == scalar && sums == scalar_sums) << IsaName(isa) << " " << count;
      }
      for (size_t b = 0; b < scalar_sums.size(); ++b) {
        double sum = 0;
        for (size_t i = b * kLogitBlock; i < std::min(count, (b + 1) * kLogitBlock); ++i) {
          const double power = (double{x[i]} - largest) * scale;
          const double expected = power < -87 ? 0 : std::exp(power);
          const double tolerance = expected == 0 ? 0 : 2e-7 * expected * (2 - power);
          ASSERT_NEAR(scalar[i], expected, tolerance) << power;
          sum += scalar[i];
        }
        EXPECT_NEAR(scalar_sums[b], sum, 1e-6 * sum);
      }
    }
  }
}

}  // namespace
}  // namespace hadal::inference
