#include <cmath>
#include <limits>

#include "inference/kernels/attention.h"
#include "inference/kv_dtype.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

// Rows of the KV cache as they are stored, and read again.

namespace hadal::inference {
namespace {

constexpr KvDtype kAll[] = {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8};

std::vector<uint8_t> Stored(const Device& device, const KvRow& row, const std::vector<float>& x) {
  std::vector<uint8_t> bytes(static_cast<size_t>(row.bytes()), 0xEE);
  void* const to = bytes.data();
  StoreRows(device, ConstMatrixView(x.data(), 1, row.values), row, absl::MakeConstSpan(&to, 1));
  return bytes;
}

std::vector<float> Read(const Device& device, const LatentAttentionShape& shape, KvDtype dtype,
                        const std::vector<uint8_t>& bytes) {
  const void* const block = bytes.data();
  std::vector<float> out(static_cast<size_t>(shape.latent_dim + shape.rope_dim));
  LoadLatentRows(device, shape, {absl::MakeConstSpan(&block, 1), {}, 1, dtype},
                 MatrixView(out.data(), 1, std::ssize(out)));
  return out;
}

/// x with so many bits of mantissa, nearest, ties to even.
float Rounded(float x, int bits) {
  int exponent;
  const float fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

class KvRows : public ::testing::TestWithParam<LatentAttentionShape> {};

TEST_P(KvRows, InstructionSetsStoreAndReadTheSameBits) {
  const LatentAttentionShape shape = GetParam();
  const std::vector<float> x =
      RandomFloats(static_cast<size_t>(shape.latent_dim + shape.rope_dim), 5, 3.0f);
  const Device scalar(std::make_shared<ThreadPool>(1), Isa::kScalar);
  for (const KvDtype dtype : kAll) {
    const KvRow row = KvRow::OfLatent(dtype, shape.latent_dim, shape.rope_dim);
    const std::vector<uint8_t> stored = Stored(scalar, row, x);
    const std::vector<float> read = Read(scalar, shape, dtype, stored);
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(1), isa);
      EXPECT_EQ(Stored(device, row, x), stored) << IsaName(isa) << KvDtypeName(dtype);
      EXPECT_EQ(Read(device, shape, dtype, stored), read) << IsaName(isa) << KvDtypeName(dtype);
    }
  }
}

TEST_P(KvRows, WhatIsReadIsTheNearestOfItsType) {
  const LatentAttentionShape shape = GetParam();
  const auto latent = static_cast<size_t>(shape.latent_dim);
  std::vector<float> x = RandomFloats(latent + static_cast<size_t>(shape.rope_dim), 6);
  for (size_t i = latent; i < x.size(); ++i) x[i] *= 100;  // a part with a scale of its own
  float largest[2] = {0, 0};
  for (size_t i = 0; i < x.size(); ++i) {
    largest[i >= latent] = std::max(largest[i >= latent], std::fabs(x[i]));
  }
  const Device device(std::make_shared<ThreadPool>(1));
  const auto read = [&](KvDtype dtype) {
    const KvRow row = KvRow::OfLatent(dtype, shape.latent_dim, shape.rope_dim);
    return Read(device, shape, dtype, Stored(device, row, x));
  };
  EXPECT_EQ(read(KvDtype::kF32), x);
  const std::vector<float> f16 = read(KvDtype::kF16);
  const std::vector<float> bf16 = read(KvDtype::kBF16);
  const std::vector<float> int8 = read(KvDtype::kI8);
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::fabs(x[i]) > 1e-4f) {  // a half has fewer bits below
      EXPECT_EQ(f16[i], Rounded(x[i], 11)) << i;
    }
    EXPECT_EQ(bf16[i], Rounded(x[i], 8)) << i;
    EXPECT_LE(std::fabs(int8[i] - x[i]), largest[i >= latent] / 127 * 0.5001f) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, KvRows,
                         ::testing::Values(LatentAttentionShape{1, 512, 64, 1},
                                           LatentAttentionShape{1, 32, 16, 1},
                                           LatentAttentionShape{1, 20, 6, 1}),
                         [](const auto& test) {
                           return std::to_string(test.param.latent_dim) + "And" +
                                  std::to_string(test.param.rope_dim);
                         });

TEST(KvRow, CountsItsScales) {
  EXPECT_EQ(KvRow::OfHeads(KvDtype::kF32, 2, 64).bytes(), 512);
  EXPECT_EQ(KvRow::OfHeads(KvDtype::kF16, 2, 64).bytes(), 256);
  EXPECT_EQ(KvRow::OfHeads(KvDtype::kBF16, 2, 64).bytes(), 256);
  EXPECT_EQ(KvRow::OfHeads(KvDtype::kI8, 2, 64).bytes(), 128 + 8);
  EXPECT_EQ(KvRow::OfLatent(KvDtype::kI8, 512, 64).bytes(), 576 + 8);
  EXPECT_EQ(KvRow{KvDtype::kI8}.bytes(), 0);
}

TEST(KvDtype, NamesAreReadBack) {
  for (const KvDtype dtype : kAll) {
    ASSERT_OK_AND_ASSIGN(const KvDtype read, ParseKvDtype(KvDtypeName(dtype)));
    EXPECT_EQ(read, dtype);
  }
  EXPECT_STATUS(ParseKvDtype("fp8"), kInvalidArgument, "\"fp8\" is no type of a KV cache");
  EXPECT_STATUS(ParseKvDtype(""), kInvalidArgument, "f32, f16, bf16 and int8");
}

// Special and random numbers in one row of a type: the same bytes everywhere.
TEST(StoreRows, RoundsTheSameEverywhere) {
  std::vector<float> x = RandomFloats(4000, 4, 100.0f);
  for (const float special :
       {0.0f, -0.0f, 6e-8f, 2e-8f, 5.9e-5f, 6.2e-5f, 65504.0f, 65519.9f, 65520.0f, 1e9f, -1e-30f,
        1.00048828125f, 1.00146484375f, 1.00390625f, 1.01171875f, 3.4e38f, 1e-44f}) {
    x.push_back(special);
  }
  for (const KvDtype dtype : kAll) {
    const KvRow row = KvRow::OfHeads(dtype, 1, static_cast<int32_t>(x.size()));
    std::vector<uint8_t> reference;
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(1), isa);
      const std::vector<uint8_t> stored = Stored(device, row, x);
      if (isa == Isa::kScalar) reference = stored;
      EXPECT_EQ(stored, reference) << IsaName(isa) << KvDtypeName(dtype);
    }
  }
}

TEST(StoreRows, ZerosAndTinyNumbersReadAsZero) {
  const LatentAttentionShape shape = {1, 16, 16, 1};
  std::vector<float> x(32, 0.0f);
  x[20] = 1e-38f;
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(1), isa);
    const KvRow row = KvRow::OfLatent(KvDtype::kI8, 16, 16);
    EXPECT_EQ(Read(device, shape, KvDtype::kI8, Stored(device, row, x)),
              std::vector<float>(32, 0.0f));
  }
}

// An engine ends a sequence with a NaN among its logits: rounding must not hide one.
TEST(StoreRows, NumbersThatAreNotFiniteStaySeen) {
  const LatentAttentionShape shape = {1, 20, 6, 1};
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(26, 1.0f);
    x[18] = bad;
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(1), isa);
      for (const KvDtype dtype : kAll) {
        const KvRow row = KvRow::OfLatent(dtype, 20, 6);
        const std::vector<float> read = Read(device, shape, dtype, Stored(device, row, x));
        EXPECT_FALSE(std::isfinite(read[18])) << IsaName(isa) << KvDtypeName(dtype);
        EXPECT_FLOAT_EQ(read[25], 1.0f) << "of another part";
      }
    }
  }
}

}  // namespace
}  // namespace hadal::inference
