#include <cmath>

#include "inference/kernels/matmul.h"
#include "inference/kernels/packed_matrix.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

// E4M3 weights with a scale per block of 128 x 128.

namespace hadal::inference {
namespace {

// Both sides end in a ragged block, and the rows in a ragged group of 16.
constexpr int64_t kRows = 300;
constexpr int64_t kCols = 333;

/// The definition (OCP 8-bit floating point, E4M3): bias 7, no infinities, 0x7F is NaN.
double DecodeE4m3(uint8_t byte) {
  const int exponent = (byte >> 3) & 15;
  const int fraction = byte & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
  return (byte & 0x80) != 0 ? -magnitude : magnitude;
}

StatusOr<PackedMatrix> Pack(const std::vector<uint8_t>& stored, const std::vector<float>& scales,
                            PackPrecision precision = PackPrecision::kStored) {
  const Device packer(std::make_shared<ThreadPool>(2));
  return PackedMatrix::Pack(ElementType::kF8E4M3, kRows, kCols, stored, precision, packer, scales);
}

class Fp8 : public ::testing::Test {
 protected:
  const std::vector<uint8_t> stored_ = RandomStored(ElementType::kF8E4M3, kRows, kCols, 31);
  const std::vector<float> scales_ = RandomScales(kRows, kCols, 32);

  float Weight(int64_t r, int64_t c) const {
    const float number =
        static_cast<float>(DecodeE4m3(stored_[static_cast<size_t>(r * kCols + c)]));
    return number * scales_[static_cast<size_t>(r / 128 * 3 + c / 128)];
  }
};

TEST_F(Fp8, EveryByteIsItsNumber) {
  const float one = 1;
  for (int byte = 0; byte < 256; ++byte) {
    if ((byte & 0x7F) == 0x7F) continue;
    const auto stored = static_cast<uint8_t>(byte);
    float value = -1;
    DequantizeRow(ElementType::kF8E4M3, &stored, 1, &value, &one);
    EXPECT_EQ(value, static_cast<float>(DecodeE4m3(stored))) << byte;
  }
}

TEST_F(Fp8, RowsComeBackWithTheScalesOfTheirBlocks) {
  for (const PackPrecision precision : {PackPrecision::kStored, PackPrecision::kFloat32}) {
    ASSERT_OK_AND_ASSIGN(const PackedMatrix packed, Pack(stored_, scales_, precision));
    std::vector<float> row(kCols);
    for (int64_t r = 0; r < kRows; ++r) {
      packed.UnpackRow(r, row.data());
      for (int64_t c = 0; c < kCols; ++c) {
        ASSERT_EQ(row[static_cast<size_t>(c)], Weight(r, c)) << r << ", " << c;
      }
    }
  }
}

TEST_F(Fp8, StaysEightBitsInMemory) {
  ASSERT_OK_AND_ASSIGN(const PackedMatrix packed, Pack(stored_, scales_));
  EXPECT_EQ(packed.type(), ElementType::kF8E4M3);
  EXPECT_LT(static_cast<double>(packed.size_bytes()), 1.1 * static_cast<double>(stored_.size()));
}

// Widening inside the kernel and widening before give the same bits, on every instruction set.
TEST_F(Fp8, ProductsEqualThoseOfTheWidenedMatrix) {
  ASSERT_OK_AND_ASSIGN(const PackedMatrix packed, Pack(stored_, scales_));
  ASSERT_OK_AND_ASSIGN(const PackedMatrix wide, Pack(stored_, scales_, PackPrecision::kFloat32));
  const std::vector<float> x = RandomFloats(9 * kCols, 33);
  std::vector<float> reference(9 * kRows);
  const Device scalar(std::make_shared<ThreadPool>(1), Isa::kScalar);
  MatMul(scalar, ConstMatrixView(x.data(), 9, kCols), wide, nullptr,
         MatrixView(reference.data(), 9, kRows));
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(3), isa);
    for (const int64_t rows : {1, 4, 9}) {
      std::vector<float> y(static_cast<size_t>(rows * kRows));
      MatMul(device, ConstMatrixView(x.data(), rows, kCols), packed, nullptr,
             MatrixView(y.data(), rows, kRows));
      EXPECT_TRUE(std::equal(y.begin(), y.end(), reference.begin()))
          << IsaName(isa) << ", " << rows << " rows";
    }
  }
}

TEST_F(Fp8, RefusesMissingScalesAndNaN) {
  std::vector<float> few = scales_;
  few.pop_back();
  EXPECT_STATUS(Pack(stored_, few), kInvalidArgument, "9 scales, found 8");
  EXPECT_STATUS(Pack(stored_, {}), kInvalidArgument, "scales");
  for (const uint8_t nan : {uint8_t{0x7F}, uint8_t{0xFF}}) {
    std::vector<uint8_t> damaged = stored_;
    damaged[2 * kCols + 5] = nan;
    EXPECT_STATUS(Pack(damaged, scales_), kInvalidArgument, "[2, 5] is NaN");
  }
}

}  // namespace
}  // namespace hadal::inference
