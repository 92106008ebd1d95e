#include "inference/kernels/matmul.h"

#include <cmath>

#include "inference/kernels/activation.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kRows = 75;  // of the weight: four groups and a part
constexpr int64_t kCols = 1280;  // pieces of 512 columns, the last one smaller

struct Problem {
  PackedMatrix weight;
  std::vector<float> wide;  // [kRows, kCols]
  std::vector<float> bias = RandomFloats(kRows, 3);
};

Problem MakeProblem(ElementType type) {
  Problem problem;
  const std::vector<uint8_t> stored = RandomStored(type, kRows, kCols, 5);
  const Device packer(std::make_shared<ThreadPool>(1));
  auto packed =
      PackedMatrix::Pack(type, kRows, kCols, stored, PackPrecision::kStored, packer);
  EXPECT_OK(packed);
  problem.weight = *std::move(packed);
  problem.wide.resize(kRows * kCols);
  for (int64_t r = 0; r < kRows; ++r) {
    DequantizeRow(type, stored.data() + static_cast<int64_t>(stored.size()) / kRows * r, kCols,
                  problem.wide.data() + r * kCols);
  }
  return problem;
}

std::vector<float> Multiply(Isa isa, int32_t threads, const Problem& problem,
                       const std::vector<float>& x, bool accumulate = false) {
  const auto rows = static_cast<int64_t>(x.size()) / kCols;
  std::vector<float> y(static_cast<size_t>(rows * kRows), 1.0f);
  const Device device(std::make_shared<ThreadPool>(threads), isa);
  MatMul(device, ConstMatrixView(x.data(), rows, kCols), problem.weight, problem.bias.data(),
         MatrixView(y.data(), rows, kRows), accumulate);
  return y;
}

class MatMulTypes : public ::testing::TestWithParam<ElementType> {};

TEST_P(MatMulTypes, EveryInstructionSetBatchAndThreadCountGivesTheSameBits) {
  const Problem problem = MakeProblem(GetParam());
  const std::vector<float> x = RandomFloats(67 * kCols, 6);
  const std::vector<float> reference = Multiply(Isa::kScalar, 1, problem, x);
  for (const Isa isa : AvailableIsas()) {
    for (const int64_t batch : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 19, 67}) {
      const std::vector<float> part(x.begin(), x.begin() + batch * kCols);
      const std::vector<float> y = Multiply(isa, batch % 3 + 1, problem, part);
      ASSERT_TRUE(std::equal(y.begin(), y.end(), reference.begin()))
          << IsaName(isa) << ", " << batch << " rows";
    }
  }
}

TEST_P(MatMulTypes, MatchesDoublePrecision) {
  const ElementType type = GetParam();
  const Problem problem = MakeProblem(type);
  const std::vector<float> x = RandomFloats(6 * kCols, 8);
  const std::vector<float> y = Multiply(AvailableIsas().back(), 2, problem, x, /*accumulate=*/true);
  for (int64_t r = 0; r < 6; ++r) {
    for (int64_t n = 0; n < kRows; ++n) {
      double exact = 1.0 + problem.bias[static_cast<size_t>(n)];
      double size = 0;
      for (int64_t c = 0; c < kCols; ++c) {
        const double product = double{x[static_cast<size_t>(r * kCols + c)]} *
                               problem.wide[static_cast<size_t>(n * kCols + c)];
        exact += product;
        size += product * product;
      }
      // Rounding an activation to int8 moves it by at most amax / 254, some 0.3 % of its block's
      // deviation; float weights only round in float32.
      const double tolerance = IsFloat(type) ? 1e-4 : 0.05 * std::sqrt(size) + 1e-3;
      ASSERT_NEAR(y[static_cast<size_t>(r * kRows + n)], exact, tolerance)
          << "row " << r << " column " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MatMulTypes, ::testing::ValuesIn(AllElementTypes()),
                         [](const auto& test) { return TraitsOf(test.param).name; });

// The integer part is exact: activations that int8 holds exactly give exact products, also at the
// ends of the ranges where a 16-bit sum would overflow.
TEST(MatMul, ExtremesDoNotSaturate) {
  std::vector<uint8_t> stored(34 * 16);
  for (size_t r = 0; r < 16; ++r) {
    stored[34 * r + 1] = 0x3C;  // d = 1
    for (size_t i = 0; i < 32; ++i) stored[34 * r + 2 + i] = r % 2 == 0 ? 0x80 : 0x7F;
  }
  const Device packer(std::make_shared<ThreadPool>(1));
  ASSERT_OK_AND_ASSIGN(const PackedMatrix weight,
                       PackedMatrix::Pack(ElementType::kQ8_0, 16, 32, stored,
                                          PackPrecision::kStored, packer));
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> x(6 * 32, sign * 127.0f);
    for (const Isa isa : AvailableIsas()) {
      std::vector<float> y(6 * 16);
      const Device device(std::make_shared<ThreadPool>(1), isa);
      MatMul(device, ConstMatrixView(x.data(), 6, 32), weight, nullptr,
             MatrixView(y.data(), 6, 16));
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(y[i], sign * 127.0f * 32 * (i % 2 == 0 ? -128.0f : 127.0f)) << IsaName(isa);
      }
    }
  }
}

TEST(MatMul, SeveralTasksShareOneInput) {
  const Problem a = MakeProblem(ElementType::kQ5_0);
  const Problem b = MakeProblem(ElementType::kF32);
  const std::vector<float> x = RandomFloats(7 * kCols, 9);
  const Device device(std::make_shared<ThreadPool>(3));
  std::vector<float> ya(7 * kRows), yb(7 * kRows);
  const MatMulTask tasks[] = {{&a.weight, nullptr, MatrixView(ya.data(), 7, kRows), false},
                              {&b.weight, nullptr, MatrixView(yb.data(), 7, kRows), false}};
  const ConstMatrixView view(x.data(), 7, kCols);
  MatMul(device, view, tasks);
  std::vector<float> alone(7 * kRows);
  MatMul(device, view, a.weight, nullptr, MatrixView(alone.data(), 7, kRows));
  EXPECT_TRUE(ya == alone);
  MatMul(device, view, b.weight, nullptr, MatrixView(alone.data(), 7, kRows));
  EXPECT_TRUE(yb == alone);
}

// The input of a SwiGLU's last projection, made on the way in: the bits of SiluMul and a product.
TEST(MatMul, GatedInputsGiveTheBitsOfTwoSteps) {
  const std::vector<float> gate = RandomFloats(19 * kCols, 12);
  const std::vector<float> up = RandomFloats(19 * kCols, 13);
  for (const ElementType type : {ElementType::kQ5_0, ElementType::kBF16}) {
    const Problem problem = MakeProblem(type);
    for (const Isa isa : AvailableIsas()) {
      for (const int64_t rows : {1, 19}) {
        const Device device(std::make_shared<ThreadPool>(2), isa);
        std::vector<float> gated(static_cast<size_t>(rows * kCols));
        const ConstMatrixView x(gate.data(), rows, kCols);
        SiluMul(device, x, ConstMatrixView(up.data(), rows, kCols),
                MatrixView(gated.data(), rows, kCols));
        std::vector<float> expected(static_cast<size_t>(rows * kRows)), found(expected.size());
        MatMul(device, ConstMatrixView(gated.data(), rows, kCols), problem.weight, nullptr,
               MatrixView(expected.data(), rows, kRows));
        const GroupedMatMulTask task = {
            x, {&problem.weight, nullptr, MatrixView(found.data(), rows, kRows), false}, up.data()};
        GroupedMatMul(device, absl::MakeConstSpan(&task, 1));
        EXPECT_TRUE(found == expected) << IsaName(isa) << ", " << rows << " rows";
      }
    }
  }
}

// An expert's tokens: rows of x in any order, some twice, more than x has.
TEST(MatMul, ChosenRowsGiveTheBitsOfACopy) {
  const std::vector<float> x = RandomFloats(11 * kCols, 14);
  for (const ElementType type : {ElementType::kQ6_K, ElementType::kF32}) {
    const Problem problem = MakeProblem(type);
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(2), isa);
      for (const int64_t count : {1, 5, 23}) {
        std::vector<int64_t> rows;
        std::vector<float> copy;
        for (int64_t i = 0; i < count; ++i) {
          rows.push_back((7 * i + 3) % 11);
          copy.insert(copy.end(), x.begin() + rows.back() * kCols,
                      x.begin() + (rows.back() + 1) * kCols);
        }
        std::vector<float> expected(static_cast<size_t>(count * kRows)), found(expected.size());
        MatMul(device, ConstMatrixView(copy.data(), count, kCols), problem.weight, nullptr,
               MatrixView(expected.data(), count, kRows));
        const GroupedMatMulTask task = {
            ConstMatrixView(x.data(), 11, kCols),
            {&problem.weight, nullptr, MatrixView(found.data(), count, kRows)},
            nullptr,
            rows.data()};
        GroupedMatMul(device, absl::MakeConstSpan(&task, 1));
        EXPECT_TRUE(found == expected) << IsaName(isa) << ", " << count << " rows";
      }
    }
  }
}

// Inputs of their own, one shared by two tasks, one without rows: each task as if it were alone.
TEST(MatMul, GroupedTasksGiveTheBitsOfSingleOnes) {
  const Problem problems[] = {MakeProblem(ElementType::kQ4_K), MakeProblem(ElementType::kQ8_0),
                              MakeProblem(ElementType::kBF16), MakeProblem(ElementType::kQ8_0)};
  const std::vector<float> x = RandomFloats(12 * kCols, 10);
  const ConstMatrixView inputs[] = {{x.data(), 7, kCols},
                                    {x.data(), 7, kCols},
                                    {x.data() + 7 * kCols, 0, kCols},
                                    {x.data() + 7 * kCols, 5, kCols}};
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(3), isa);
    std::vector<float> together(4 * 7 * kRows, 0.0f), alone(4 * 7 * kRows, 0.0f);
    std::vector<GroupedMatMulTask> tasks;
    for (size_t i = 0; i < 4; ++i) {
      const auto y = [&](std::vector<float>& out) {
        return MatrixView(out.data() + i * 7 * kRows, inputs[i].rows, kRows);
      };
      tasks.push_back({inputs[i], {&problems[i].weight, nullptr, y(together), false}});
      MatMul(device, inputs[i], problems[i].weight, nullptr, y(alone));
    }
    GroupedMatMul(device, tasks);
    EXPECT_TRUE(together == alone) << IsaName(isa);
    GroupedMatMul(device, {});
  }
}

}  // namespace
}  // namespace hadal::inference
