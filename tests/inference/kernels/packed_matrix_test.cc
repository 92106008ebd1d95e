#include "inference/kernels/packed_matrix.h"

#include <numeric>

#include "inference/kernels/stored_block.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

class PackedMatrixTypes : public ::testing::TestWithParam<ElementType> {};

TEST_P(PackedMatrixTypes, KeepsEveryBitOfEveryRow) {
  constexpr int64_t kRows = 37;  // the last group is not full
  constexpr int64_t kCols = 768;
  const ElementType type = GetParam();
  const std::vector<uint8_t> stored = RandomStored(type, kRows, kCols, 11);
  const auto row_bytes = static_cast<int64_t>(stored.size()) / kRows;
  const Device packer(std::make_shared<ThreadPool>(2));
  for (const PackPrecision precision : {PackPrecision::kStored, PackPrecision::kFloat32}) {
    ASSERT_OK_AND_ASSIGN(const PackedMatrix packed,
                         PackedMatrix::Pack(type, kRows, kCols, stored, precision, packer));
    for (int64_t r = 0; r < kRows; ++r) {
      std::vector<float> expected(kCols), found(kCols);
      DequantizeRow(type, stored.data() + r * row_bytes, kCols, expected.data());
      packed.UnpackRow(r, found.data());
      ASSERT_TRUE(expected == found) << TraitsOf(type).name << " row " << r;
    }
  }
}

TEST_P(PackedMatrixTypes, GrowsByThreePercentAtMost) {
  const ElementType type = GetParam();
  const std::vector<uint8_t> stored = RandomStored(type, 64, 4096, 12);
  const Device packer(std::make_shared<ThreadPool>(1));
  ASSERT_OK_AND_ASSIGN(
      const PackedMatrix packed,
      PackedMatrix::Pack(type, 64, 4096, stored, PackPrecision::kStored, packer));
  EXPECT_LE(static_cast<double>(packed.size_bytes()), 1.03 * static_cast<double>(stored.size()));
}

TEST_P(PackedMatrixTypes, RefusesBytesThatDoNotFitTheShape) {
  const ElementType type = GetParam();
  const std::vector<uint8_t> stored = RandomStored(type, 4, 256, 13);
  const Device packer(std::make_shared<ThreadPool>(1));
  const auto pack = [&](int64_t rows, int64_t cols, size_t bytes) {
    return PackedMatrix::Pack(type, rows, cols, absl::MakeConstSpan(stored.data(), bytes),
                              PackPrecision::kStored, packer);
  };
  EXPECT_OK(pack(4, 256, stored.size()));
  EXPECT_STATUS(pack(4, 256, stored.size() - 1), kInvalidArgument, "bytes");
  EXPECT_STATUS(pack(5, 256, stored.size()), kInvalidArgument, "bytes");
  EXPECT_STATUS(pack(0, 256, 0), kInvalidArgument, "positive");
  EXPECT_STATUS(pack(int64_t{1} << 40, 256, stored.size()), kInvalidArgument, "positive");
  if (!IsFloat(type)) EXPECT_STATUS(pack(4, 255, stored.size()), kInvalidArgument, "whole blocks");
}

INSTANTIATE_TEST_SUITE_P(All, PackedMatrixTypes, ::testing::ValuesIn(AllElementTypes()),
                         [](const auto& test) { return TraitsOf(test.param).name; });

// Written out by hand from the descriptions of the formats, so that reader and packer cannot be
// wrong together.
TEST(DequantizeRow, KnownBlocks) {
  std::vector<uint8_t> q5_0(22, 0);
  q5_0[1] = 0x3C;                  // d = 1
  q5_0[2] = 0x01;                  // fifth bit of value 0
  q5_0[6] = 0x93;                  // value 0: 3 + 16, value 16: 9
  float out[256];
  DequantizeRow(ElementType::kQ5_0, q5_0.data(), 32, out);
  EXPECT_EQ(out[0], 3.0f);         // 19 - 16
  EXPECT_EQ(out[16], -7.0f);       // 9 - 16
  EXPECT_EQ(out[1], -16.0f);

  std::vector<uint8_t> q4_k(144, 0);
  q4_k[1] = 0x3C;                  // d = 1
  q4_k[3] = 0x40;                  // dmin = 2
  q4_k[4 + 1] = 3;                 // scale of block 1
  q4_k[4 + 5] = 5;                 // minimum of block 1
  q4_k[4 + 8] = 0x21;              // block 4: low bits of scale 1, of minimum 2
  q4_k[4 + 0] = 0xC0;              // block 4: scale += 3 << 4
  q4_k[4 + 4] = 0x40;              // block 4: minimum += 1 << 4
  q4_k[16] = 0x70;                 // block 1, value 0: 7
  q4_k[16 + 64] = 0x0B;            // block 4, value 0: 11
  DequantizeRow(ElementType::kQ4_K, q4_k.data(), 256, out);
  EXPECT_EQ(out[32], 3.0f * 7 - 2.0f * 5);
  EXPECT_EQ(out[33], -10.0f);
  EXPECT_EQ(out[128], 49.0f * 11 - 2.0f * 18);

  std::vector<uint8_t> q6_k(210, 0);
  q6_k[209] = 0x3C;                // d = 1
  q6_k[192 + 11] = 0xFE;           // scale -2 of values 176..191
  q6_k[64 + 32 + 16] = 0x05;       // value 176: low bits 5
  q6_k[128 + 32 + 16] = 0x0C;      // value 176: high bits 3
  DequantizeRow(ElementType::kQ6_K, q6_k.data(), 256, out);
  EXPECT_EQ(out[176], -2.0f * (5 + 48 - 32));
  EXPECT_EQ(out[177], -2.0f * -32);
}

}  // namespace
}  // namespace hadal::inference
