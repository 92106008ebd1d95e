#include <cmath>
#include <functional>
#include <limits>

#include "inference/kernels/activation.h"
#include "inference/kernels/copy.h"
#include "inference/kernels/embedding.h"
#include "inference/kernels/norm.h"
#include "inference/kernels/rope.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kRows = 5;

using Op = std::function<void(const Device&, ConstMatrixView x, MatrixView y)>;
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
      op(Device(std::make_shared<ThreadPool>(2), isa), ConstMatrixView(x.data(), kRows, cols),
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
      [](const Device& device, ConstMatrixView x, MatrixView y) {
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
      [](const Device& device, ConstMatrixView x, MatrixView y) {
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
  CheckRowOp([](const Device& device, ConstMatrixView x, MatrixView y) {
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
  CheckRowOp([](const Device& device, ConstMatrixView x, MatrixView y) { Gelu(device, x, y); },
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
      [](const Device& device, ConstMatrixView x, MatrixView y) { Softmax(device, x, y); },
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
    Softmax(Device(std::make_shared<ThreadPool>(1), isa), ConstMatrixView(x.data(), 1, 4),
            MatrixView(x.data(), 1, 4));
    EXPECT_EQ(x, (std::vector<float>{0.5f, 0.0f, 0.5f, 0.0f})) << IsaName(isa);
  }
}

TEST(RowOps, AddInPlace) {
  CheckRowOp([](const Device& device, ConstMatrixView x, MatrixView y) {
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
      const Device device(std::make_shared<ThreadPool>(2), isa);
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
  const Device device(std::make_shared<ThreadPool>(2));
  ASSERT_OK_AND_ASSIGN(const PackedMatrix packed,
                       PackedMatrix::Pack(ElementType::kQ6_K, 40, 256, stored,
                                          PackPrecision::kStored, device));
  const std::vector<int32_t> ids = {39, 0, 17};
  std::vector<float> a(3 * 256), b(3 * 256);
  EmbeddingLookup(device, StoredTable{ElementType::kQ6_K, 40, 256, stored}, ids,
                  MatrixView(a.data(), 3, 256));
  EmbeddingLookup(device, packed, ids, MatrixView(b.data(), 3, 256));
  EXPECT_TRUE(a == b);
  std::vector<float> row(256);
  DequantizeRow(ElementType::kQ6_K, stored.data() + 39 * 210, 256, row.data());
  EXPECT_TRUE(std::equal(row.begin(), row.end(), a.begin()));
  EmbeddingLookup(device, packed, {17, kNoRow, 39}, MatrixView(b.data(), 3, 256));
  EXPECT_TRUE(std::equal(row.begin(), row.end(), b.begin() + 512));
  EXPECT_TRUE(std::all_of(b.begin() + 256, b.begin() + 512, [](float v) { return v == 0; }));
}

TEST(Copies, RowsAndPieces) {
  const Device device(std::make_shared<ThreadPool>(2));
  const std::vector<float> from = RandomFloats(7 * 12, 5);
  std::vector<float> to(3 * 12);
  const ConstMatrixView x(from.data(), 7, 12);
  CopyRows(device, x, {6, 0, 6}, MatrixView(to.data(), 3, 12));
  for (int64_t c = 0; c < 12; ++c) {
    EXPECT_EQ(to[static_cast<size_t>(c)], x.row(6)[c]);
    EXPECT_EQ(to[static_cast<size_t>(12 + c)], x.row(0)[c]);
    EXPECT_EQ(to[static_cast<size_t>(24 + c)], x.row(6)[c]);
  }
  // Values 1 and 2 of each piece of four, to the ends of pieces of five.
  std::vector<float> wide(7 * 15, 9.0f);
  CopyPieces(device, ConstMatrixView(from.data() + 1, 7, 11, 12), 4,
             MatrixView(wide.data() + 3, 7, 12, 15), 5, 3, 2);
  for (int64_t r = 0; r < 7; ++r) {
    for (int64_t c = 0; c < 15; ++c) {
      const float expected = c % 5 < 3 ? 9.0f : x.row(r)[c / 5 * 4 + c % 5 - 2];
      EXPECT_EQ(wide[static_cast<size_t>(r * 15 + c)], expected) << r << " " << c;
    }
  }
  // One piece again and again.
  CopyPieces(device, ConstMatrixView(from.data(), 7, 2, 12), 0, MatrixView(wide.data(), 7, 15), 5,
             3, 2);
  for (int64_t c = 0; c < 15; c += 5) EXPECT_EQ(wide[static_cast<size_t>(c)], from[0]);
}

TEST(ScaleBySigmoid, EachRowByItsOwn) {
  const Device device(std::make_shared<ThreadPool>(2));
  const std::vector<float> logits = {0.0f, 100.0f, -100.0f, 1.0f};
  std::vector<float> y(4 * 3, 2.0f);
  ScaleBySigmoid(device, ConstMatrixView(logits.data(), 4, 1), MatrixView(y.data(), 4, 3));
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(y[c], 1.0f);
    EXPECT_EQ(y[3 + c], 2.0f);
    EXPECT_NEAR(y[6 + c], 0.0f, 1e-30f);
    EXPECT_NEAR(y[9 + c], 2.0 / (1.0 + std::exp(-1.0)), 1e-6);
  }
}

}  // namespace
}  // namespace hadal::inference
