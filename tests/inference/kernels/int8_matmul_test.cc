// Products of encoders: weights rounded to int8 with a scale a row.
#include "inference/kernels/int8_matmul.h"

#include <algorithm>
#include <cmath>

#include "inference/kernels/activation.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

PackedMatrix Packed(int64_t rows, int64_t cols, uint64_t seed) {
  auto packed = PackedMatrix::Pack(ElementType::kQ4_0, rows, cols,
                                   RandomStored(ElementType::kQ4_0, rows, cols, seed),
                                   PackPrecision::kStored, Device::CallingThread());
  EXPECT_OK(packed);
  return *std::move(packed);
}

Int8Matrix Rounded(const PackedMatrix& weights, const Device& device) {
  auto rounded = Int8Matrix::Round(weights, device);
  EXPECT_OK(rounded);
  return *std::move(rounded);
}

std::vector<float> Multiply(const Device& device, const PackedMatrix& weights,
                            const std::vector<float>& x, bool accumulate) {
  const Int8Matrix rounded = Rounded(weights, device);
  const int64_t rows = std::ssize(x) / weights.cols();
  const std::vector<float> bias = RandomFloats(static_cast<size_t>(weights.rows()), 4);
  std::vector<float> y(static_cast<size_t>(rows * weights.rows()), 0.5f);
  const Int8MatMulTask task = {&rounded, bias.data(), MatrixView(y.data(), rows, weights.rows()),
                               accumulate};
  MatMul(device, ConstMatrixView(x.data(), rows, weights.cols()), absl::MakeConstSpan(&task, 1));
  return y;
}

struct Shape {
  int64_t rows, cols;  // of the weight
};
// Whole chunks and pieces; a group, a chunk and a step of 64 columns that are not.
constexpr Shape kShapes[] = {{256, 384}, {75, 160}, {16, 32}, {200, 1536}};

TEST(Int8MatMul, EveryInstructionSetBatchAndThreadCountGivesTheSameBits) {
  for (const Shape shape : kShapes) {
    const PackedMatrix weights = Packed(shape.rows, shape.cols, 5);
    const std::vector<float> x = RandomFloats(static_cast<size_t>(150 * shape.cols), 6, 3.0f);
    for (const bool accumulate : {false, true}) {
      const std::vector<float> reference =
          Multiply(Device(std::make_shared<ThreadPool>(1), Isa::kScalar), weights, x, accumulate);
      for (const Isa isa : AvailableIsas()) {
        for (const int32_t batch : {1, 3, 8, 16, 17, 32, 33, 127, 150}) {
          const std::vector<float> part(x.begin(), x.begin() + batch * shape.cols);
          const Device device(std::make_shared<ThreadPool>(batch % 3 + 1), isa);
          const std::vector<float> y = Multiply(device, weights, part, accumulate);
          ASSERT_TRUE(std::equal(y.begin(), y.end(), reference.begin()))
              << IsaName(isa) << ", " << batch << " rows, " << shape.rows << " x " << shape.cols;
        }
      }
    }
  }
}

TEST(Int8MatMul, IsNearTheProductOfWhatWasStored) {
  for (const Shape shape : kShapes) {
    const PackedMatrix weights = Packed(shape.rows, shape.cols, 5);
    const std::vector<float> x = RandomFloats(static_cast<size_t>(3 * shape.cols), 6);
    const std::vector<float> bias = RandomFloats(static_cast<size_t>(shape.rows), 4);
    const std::vector<float> y = Multiply(Device::CallingThread(), weights, x, /*accumulate=*/true);
    std::vector<float> row(static_cast<size_t>(shape.cols));
    double error = 0, size = 0;
    for (int64_t n = 0; n < shape.rows; ++n) {
      weights.UnpackRow(n, row.data());
      for (int64_t r = 0; r < 3; ++r) {
        double exact = 0;
        for (int64_t c = 0; c < shape.cols; ++c) {
          exact += double{x[static_cast<size_t>(r * shape.cols + c)]} * row[static_cast<size_t>(c)];
        }
        const double found = y[static_cast<size_t>(r * shape.rows + n)];
        error += std::pow(found - 0.5 - bias[static_cast<size_t>(n)] - exact, 2);
        size += exact * exact;
      }
    }
    // Each side is rounded to 1 / 254 of the largest of its numbers: half a per cent of most.
    EXPECT_LT(std::sqrt(error / size), 0.02) << shape.rows << " x " << shape.cols;
  }
}

TEST(Int8GeluFeedForward, HasTheBitsOfItsThreeSteps) {
  constexpr int64_t kHidden = 96, kWide = 608;  // no whole chunks
  const PackedMatrix stored_up = Packed(kWide, kHidden, 7), stored_down = Packed(kHidden, kWide, 8);
  const std::vector<float> bias = RandomFloats(kWide, 9);
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(2), isa);
    const Int8Matrix up = Rounded(stored_up, device), down = Rounded(stored_down, device);
    for (const int64_t rows : {1, 9, 17, 140}) {
      const std::vector<float> x = RandomFloats(static_cast<size_t>(rows * kHidden), 10, 2.0f);
      const ConstMatrixView in(x.data(), rows, kHidden);
      std::vector<float> fused = x, steps = x, wide(static_cast<size_t>(rows * kWide));
      const MatrixView between(wide.data(), rows, kWide);
      const Int8MatMulTask first = {&up, bias.data(), between, false};
      const Int8MatMulTask second = {&down, bias.data(), MatrixView(steps.data(), rows, kHidden),
                                     true};
      MatMul(device, in, absl::MakeConstSpan(&first, 1));
      Gelu(device, between, between);
      MatMul(device, between, absl::MakeConstSpan(&second, 1));
      GeluFeedForward(device, in, up, bias.data(),
                      {&down, bias.data(), MatrixView(fused.data(), rows, kHidden), true});
      EXPECT_TRUE(fused == steps) << IsaName(isa) << ", " << rows << " rows";
    }
  }
}

}  // namespace
}  // namespace hadal::inference
