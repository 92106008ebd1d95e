#include "inference/moe/experts.h"

#include <algorithm>
#include <cmath>

#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kHidden = 64;
constexpr int64_t kFfn = 96;
constexpr int32_t kExperts = 5;

struct Matrix {
  PackedMatrix packed;
  std::vector<float> wide;
};

Matrix MakeMatrix(ElementType type, int64_t rows, int64_t cols, uint64_t seed) {
  const Device packer(std::make_shared<ThreadPool>(1));
  const std::vector<uint8_t> stored = RandomStored(type, rows, cols, seed, 0.2f);
  auto packed = PackedMatrix::Pack(type, rows, cols, stored, PackPrecision::kStored, packer);
  EXPECT_OK(packed);
  Matrix matrix{*std::move(packed), std::vector<float>(static_cast<size_t>(rows * cols))};
  for (int64_t r = 0; r < rows; ++r) matrix.packed.UnpackRow(r, matrix.wide.data() + r * cols);
  return matrix;
}

class Experts : public ::testing::TestWithParam<ElementType> {
 protected:
  void SetUp() override {
    for (uint64_t e = 0; e < kExperts; ++e) {
      gate_.push_back(MakeMatrix(GetParam(), kFfn, kHidden, 10 * e));
      up_.push_back(MakeMatrix(GetParam(), kFfn, kHidden, 10 * e + 1));
      down_.push_back(MakeMatrix(GetParam(), kHidden, kFfn, 10 * e + 2));
      experts_.push_back(
          {std::move(gate_[e].packed), std::move(up_[e].packed), std::move(down_[e].packed)});
    }
  }

  /// `rows` tokens with two experts each; expert 3 has none.
  static Routing MakeRouting(int64_t rows) {
    Routing routing;
    routing.top_k = 2;
    for (int32_t r = 0; r < rows; ++r) {
      routing.experts.push_back(r % 3 == 0 ? 0 : 1);
      routing.experts.push_back(r % 2 == 0 ? 4 : 2);
      routing.weights.push_back(0.25f + 0.1f * static_cast<float>(r));
      routing.weights.push_back(1.5f - 0.1f * static_cast<float>(r));
    }
    return routing;
  }

  double Naive(const float* x, size_t expert, size_t column) const {
    double sum = 0;
    for (size_t f = 0; f < kFfn; ++f) {
      double gate = 0, up = 0;
      for (size_t c = 0; c < kHidden; ++c) {
        gate += double{x[c]} * gate_[expert].wide[f * kHidden + c];
        up += double{x[c]} * up_[expert].wide[f * kHidden + c];
      }
      sum += gate / (1 + std::exp(-gate)) * up * down_[expert].wide[column * kFfn + f];
    }
    return sum;
  }

  std::vector<Matrix> gate_, up_, down_;
  std::vector<Expert> experts_;
};

TEST_P(Experts, SumTheWeightedExpertsOntoTheOutput) {
  const std::vector<float> x = RandomFloats(6 * kHidden, 61);
  const Routing routing = MakeRouting(6);
  std::vector<float> y(6 * kHidden, 2.0f);
  ExpertRunner runner(Device(std::make_shared<ThreadPool>(2)));
  runner.Run(experts_, routing, ConstMatrixView(x.data(), 6, kHidden),
             MatrixView(y.data(), 6, kHidden));
  std::vector<double> expected;
  double largest = 0;
  for (size_t r = 0; r < 6; ++r) {
    for (size_t c = 0; c < kHidden; ++c) {
      double sum = 2;
      for (size_t k = 0; k < 2; ++k) {
        sum += double{routing.weights[2 * r + k]} *
               Naive(x.data() + r * kHidden, static_cast<size_t>(routing.experts[2 * r + k]), c);
      }
      expected.push_back(sum);
      largest = std::max(largest, std::fabs(sum));
    }
  }
  // Activations are rounded to int8 twice where weights are quantised.
  const double tolerance = (IsFloat(GetParam()) ? 1e-5 : 0.03) * largest;
  for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], tolerance) << i;
}

TEST_P(Experts, ARowIsTheSameBitsAloneAndInABatch) {
  constexpr int64_t kRows = 23;
  const std::vector<float> x = RandomFloats(kRows * kHidden, 62);
  const Routing routing = MakeRouting(kRows);
  std::vector<float> together(kRows * kHidden);
  ExpertRunner runner(Device(std::make_shared<ThreadPool>(3)));
  runner.Run(experts_, routing, ConstMatrixView(x.data(), kRows, kHidden),
             MatrixView(together.data(), kRows, kHidden));
  for (size_t r = 0; r < kRows; ++r) {
    const auto at = static_cast<ptrdiff_t>(2 * r);
    const Routing one{2,
                      {routing.experts.begin() + at, routing.experts.begin() + at + 2},
                      {routing.weights.begin() + at, routing.weights.begin() + at + 2}};
    std::vector<float> y(kHidden);
    runner.Run(experts_, one, ConstMatrixView(x.data() + r * kHidden, 1, kHidden),
               MatrixView(y.data(), 1, kHidden));
    EXPECT_TRUE(
        std::equal(y.begin(), y.end(), together.begin() + static_cast<ptrdiff_t>(r) * kHidden))
        << "row " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Experts,
                         ::testing::Values(ElementType::kF32, ElementType::kBF16,
                                           ElementType::kQ8_0),
                         [](const auto& test) { return TraitsOf(test.param).name; });

}  // namespace
}  // namespace hadal::inference
