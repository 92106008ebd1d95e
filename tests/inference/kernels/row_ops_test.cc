#include <cmath>
#include <functional>
#include <limits>

#include "inference/kernels/activation.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/norm.h"
#include "inference/kernels/rope.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kRows = 5;

using Op = std::function<void(const CpuDevice&, ConstMatrixView x, MatrixView y)>;
/// Row by row in double precision.
using Reference = std::function<std::vector<double>(const float* x, int64_t cols)>;

/// All instruction sets give the same bits, and those are within `tolerance` of `reference`;
/// columns 1, 16, 100 and 896 have a rest after the last full register or none.
void CheckRowOp(const Op& op, const Reference& reference, double tolerance, float size = 2.0f) {
  for (const int64_t cols : {1, 16, 100, 896}) {
    const std::vector<float> x = RandomFloats(static_cast<size_t>(kRows * cols), 21, size);
    std::vector<float> scalar;
    for (const Isa isa : AvailableIsas()) {
      std::vector<float> y(x.size());
      op(CpuDevice(std::make_shared<ThreadPool>(2), isa), ConstMatrixView(x.data(), kRows, cols),
         MatrixView(y.data(), kRows, cols));
      if (isa == Isa::kScalar) scalar = y;
      EXPECT_TRUE(y == scalar) << IsaName(isa) << " with " << cols << " columns";
    }
    for (int64_t r = 0; r < kRows; ++r) {
      const std::vector<double> expected = reference(x.data() + r * cols, cols);
      for (int64_t c = 0; c < cols; ++c) {
        ASSERT_NEAR(scalar[static_cast<size_t>(r * cols + c)], expected[static_cast<size_t>(c)],
                    tolerance) << "row " << r << " column " << c;
      }
    }
  }
}

const std::vector<float>& Weight() {
  static const std::vector<float> weight = RandomFloats(896, 22);
  return weight;
}
const std::vector<float>& Bias() {
  static const std::vector<float> bias = RandomFloats(896, 23);
  return bias;
}

TEST(RowOps, RmsNorm) {
  CheckRowOp(
      [](const CpuDevice& device, ConstMatrixView x, MatrixView y) {
        RmsNorm(device, x, Weight().data(), 1e-5f, y);
      },
      [](const float* x, int64_t cols) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) sum += double{x[c]} * x[c];
        std::vector<double> y;
        for (int64_t c = 0; c < cols; ++c) {
          y.push_back(x[c] / std::sqrt(sum / static_cast<double>(cols) + 1e-5) *
                      Weight()[static_cast<size_t>(c)]);
        }
        return y;
      },
      1e-5);
}

TEST(RowOps, LayerNorm) {
  CheckRowOp(
      [](const CpuDevice& device, ConstMatrixView x, MatrixView y) {
        LayerNorm(device, x, Weight().data(), Bias().data(), 1e-5f, y);
      },
      [](const float* x, int64_t cols) {
        const auto count = static_cast<double>(cols);
        double mean = 0, variance = 0;
        for (int64_t c = 0; c < cols; ++c) mean += x[c] / count;
        for (int64_t c = 0; c < cols; ++c) variance += (x[c] - mean) * (x[c] - mean) / count;
        std::vector<double> y;
        for (int64_t c = 0; c < cols; ++c) {
          const auto i = static_cast<size_t>(c);
          y.push_back((x[c] - mean) / std::sqrt(variance + 1e-5) * Weight()[i] + Bias()[i]);
        }
        return y;
      },
      2e-5);
}

TEST(RowOps, SiluMul) {
  CheckRowOp([](const CpuDevice& device, ConstMatrixView x, MatrixView y) {
               SiluMul(device, x, x, y);
             },
             [](const float* x, int64_t cols) {
               std::vector<double> y;
               for (int64_t c = 0; c < cols; ++c) {
                 y.push_back(double{x[c]} * x[c] / (1 + std::exp(-double{x[c]})));
               }
               return y;
             },
             2e-5);
}

TEST(RowOps, GeluByTheErrorFunction) {
  CheckRowOp([](const CpuDevice& device, ConstMatrixView x, MatrixView y) { Gelu(device, x, y); },
             [](const float* x, int64_t cols) {
               std::vector<double> y;
               for (int64_t c = 0; c < cols; ++c) {
                 y.push_back(x[c] * 0.5 * std::erfc(-double{x[c]} / std::sqrt(2.0)));
               }
               return y;
             },
             2e-6);
}

TEST(RowOps, Softmax) {
  CheckRowOp(
      [](const CpuDevice& device, ConstMatrixView x, MatrixView y) { Softmax(device, x, y); },
      [](const float* x, int64_t cols) {
        std::vector<double> y;
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) {
          y.push_back(std::exp(double{x[c]} - x[0]));
          sum += y.back();
        }
        for (double& value : y) value /= sum;
        return y;
      },
      1e-6);
}

TEST(RowOps, SoftmaxOfMinusInfinityIsZero) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Isa isa : AvailableIsas()) {
    std::vector<float> x = {1.0f, -infinity, 1.0f, -1e30f};
    Softmax(CpuDevice(std::make_shared<ThreadPool>(1), isa), ConstMatrixView(x.data(), 1, 4),
            MatrixView(x.data(), 1, 4));
    EXPECT_EQ(x, (std::vector<float>{0.5f, 0.0f, 0.5f, 0.0f})) << IsaName(isa);
  }
}

TEST(RowOps, AddInPlace) {
  CheckRowOp([](const CpuDevice& device, ConstMatrixView x, MatrixView y) {
               AddInPlace(device, x, y);
             },
             [](const float* x, int64_t cols) { return std::vector<double>(x, x + cols); }, 0);
}

TEST(Rope, BothLayoutsRotateTheirPairs) {
  constexpr int32_t kHeadDim = 48;
  RopeTable table(RopeInverseFrequencies(kHeadDim, 10000.0f));
  const std::vector<float> x = RandomFloats(3 * 2 * kHeadDim, 31);
  const std::vector<int32_t> positions = {0, 5, 30000};
  for (const RopeLayout layout : {RopeLayout::kHalves, RopeLayout::kInterleaved}) {
    for (const Isa isa : AvailableIsas()) {
      const CpuDevice device(std::make_shared<ThreadPool>(2), isa);
      table.Compute(device, positions);
      std::vector<float> y = x;
      ApplyRope(device, table, layout, 2, MatrixView(y.data(), 3, 2 * kHeadDim));
      for (size_t at = 0; at < y.size(); at += kHeadDim) {
        const int32_t position = positions[at / (2 * kHeadDim)];
        for (size_t j = 0; j < kHeadDim / 2; ++j) {
          const bool halves = layout == RopeLayout::kHalves;
          const size_t a = at + (halves ? j : 2 * j);
          const size_t b = at + (halves ? j + kHeadDim / 2 : 2 * j + 1);
          const float frequency =
              static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(j) / kHeadDim));
          const double angle = static_cast<float>(position) * frequency;
          ASSERT_NEAR(y[a], x[a] * std::cos(angle) - x[b] * std::sin(angle), 1e-5);
          ASSERT_NEAR(y[b], x[b] * std::cos(angle) + x[a] * std::sin(angle), 1e-5);
        }
      }
    }
  }
}

TEST(EmbeddingLookup, StoredAndPackedTablesAgree) {
  const std::vector<uint8_t> stored = RandomStored(ElementType::kQ6_K, 40, 256, 41);
  const CpuDevice device(std::make_shared<ThreadPool>(2));
  ASSERT_OK_AND_ASSIGN(const PackedMatrix packed,
                       PackedMatrix::Pack(ElementType::kQ6_K, 40, 256, stored,
                                          PackPrecision::kStored, device.pool()));
  const std::vector<int32_t> ids = {39, 0, 17};
  std::vector<float> a(3 * 256), b(3 * 256);
  EmbeddingLookup(device, StoredTable{ElementType::kQ6_K, 40, 256, stored}, ids,
                  MatrixView(a.data(), 3, 256));
  EmbeddingLookup(device, packed, ids, MatrixView(b.data(), 3, 256));
  EXPECT_TRUE(a == b);
  std::vector<float> row(256);
  DequantizeRow(ElementType::kQ6_K, stored.data() + 39 * 210, 256, row.data());
  EXPECT_TRUE(std::equal(row.begin(), row.end(), a.begin()));
}

}  // namespace
}  // namespace hadal::inference
