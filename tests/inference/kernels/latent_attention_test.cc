#include <cmath>

#include "inference/kernels/attention.h"
#include "inference/kernels/rope.h"
#include "inference/kv_dtype.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int32_t kLength = 150;
constexpr KvDtype kAll[] = {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8};

/// A sequence whose heads all read the same rows.
class LatentAttention : public ::testing::TestWithParam<LatentAttentionShape> {
 protected:
  void SetUp() override {
    shape_ = GetParam();
    row_ = shape_.latent_dim + shape_.rope_dim;
    shape_.scale = 1.0f / std::sqrt(static_cast<float>(row_));
    q_ = RandomFloats(static_cast<size_t>(kLength * shape_.num_heads * row_), 41);
    kv_ = RandomFloats(static_cast<size_t>(kLength * row_), 42);
  }

  std::vector<float> Naive() const {
    std::vector<float> out;
    for (int32_t row = 0; row < kLength; ++row) {
      for (int32_t h = 0; h < shape_.num_heads; ++h) {
        const float* q = q_.data() + (int64_t{row} * shape_.num_heads + h) * row_;
        std::vector<double> value(static_cast<size_t>(shape_.latent_dim));
        double sum = 0;
        for (int32_t p = 0; p <= row; ++p) {
          const float* k = kv_.data() + int64_t{p} * row_;
          double dot = 0;
          for (int32_t d = 0; d < row_; ++d) dot += double{q[d]} * k[d];
          const double weight = std::exp(dot * shape_.scale);
          sum += weight;
          for (size_t d = 0; d < value.size(); ++d) value[d] += weight * k[d];
        }
        for (const double v : value) out.push_back(static_cast<float>(v / sum));
      }
    }
    return out;
  }

  /// Rows [begin, end) as one slice over blocks of `block_size` positions.
  void Run(const Device& device, KvDtype dtype, int32_t block_size, int32_t begin, int32_t end,
           std::vector<float>& out) const {
    const KvRow row = KvRow::OfLatent(dtype, shape_.latent_dim, shape_.rope_dim);
    const auto bytes = static_cast<size_t>(row.bytes());
    const auto blocks = static_cast<size_t>((end + block_size - 1) / block_size);
    std::vector<uint8_t> cache(blocks * static_cast<size_t>(block_size) * bytes, 0xEE);
    std::vector<void*> rows;
    for (size_t p = 0; p < static_cast<size_t>(end); ++p) rows.push_back(&cache[p * bytes]);
    StoreRows(device, ConstMatrixView(kv_.data(), end, row_), row, rows);
    std::vector<const void*> key_blocks;
    for (size_t b = 0; b < blocks; ++b) {
      key_blocks.push_back(&cache[b * static_cast<size_t>(block_size) * bytes]);
    }
    CausalSlice slice;
    slice.num_rows = end - begin;
    slice.position = begin;
    slice.kv = {key_blocks, {}, block_size, dtype};
    const int64_t q_cols = int64_t{shape_.num_heads} * row_;
    const int64_t out_cols = int64_t{shape_.num_heads} * shape_.latent_dim;
    CausalLatentAttention(device, shape_,
                          ConstMatrixView(q_.data() + begin * q_cols, end - begin, q_cols),
                          absl::MakeConstSpan(&slice, 1),
                          MatrixView(out.data() + begin * out_cols, end - begin, out_cols));
  }

  LatentAttentionShape shape_;
  int32_t row_ = 0;
  std::vector<float> q_, kv_;
};

TEST_P(LatentAttention, MatchesTheNaiveFormula) {
  const std::vector<float> expected = Naive();
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(2), isa);
    std::vector<float> out(expected.size());
    for (const auto& [dtype, limit] : {std::pair(KvDtype::kF32, 1e-5), {KvDtype::kF16, 5e-3},
                                       {KvDtype::kBF16, 4e-2}, {KvDtype::kI8, 5e-2}}) {
      Run(device, dtype, 16, 0, kLength, out);
      for (size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(out[i], expected[i], limit) << IsaName(isa) << KvDtypeName(dtype);
      }
    }
  }
}

TEST_P(LatentAttention, InstructionSetsChunksAndBlocksGiveTheSameBits) {
  const auto size = static_cast<size_t>(kLength * shape_.num_heads * shape_.latent_dim);
  const Device scalar(std::make_shared<ThreadPool>(1), Isa::kScalar);
  for (const KvDtype dtype : kAll) {
    std::vector<float> reference(size);
    Run(scalar, dtype, kLength, 0, kLength, reference);
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(3), isa);
      std::vector<float> out(size);
      for (int32_t begin = 0, chunk = 1; begin < kLength; begin += chunk, chunk = chunk * 3 + 1) {
        Run(device, dtype, 7 + begin, begin, std::min(kLength, begin + chunk), out);
      }
      EXPECT_TRUE(out == reference) << IsaName(isa) << KvDtypeName(dtype);
    }
  }
}

// More heads than a tile holds, sizes that fill no vector, and a shape like DeepSeek-V3's in small.
INSTANTIATE_TEST_SUITE_P(Shapes, LatentAttention,
                         ::testing::Values(LatentAttentionShape{4, 32, 16, 0},
                                           LatentAttentionShape{3, 20, 6, 0},
                                           LatentAttentionShape{80, 64, 16, 0}),
                         [](const auto& test) {
                           return "Heads" + std::to_string(test.param.num_heads) + "Of" +
                                  std::to_string(test.param.latent_dim);
                         });

TEST(Rope, HeadsApartTurnAsHeadsTogether) {
  const Device device(std::make_shared<ThreadPool>(1));
  RopeTable table(RopeInverseFrequencies(8, 10000.0f), 1.5f);
  table.Compute(device, {3, 70});
  const std::vector<float> x = RandomFloats(2 * 3 * 20, 43);
  std::vector<float> apart = x;  // [2, 3 heads of 12 + 8]
  ApplyRope(device, table, RopeLayout::kInterleaved, 3, 20,
            MatrixView(apart.data() + 12, 2, 48, 60));
  for (size_t head = 0; head < 6; ++head) {
    std::vector<float> together(x.begin() + static_cast<ptrdiff_t>(head * 20),
                                x.begin() + static_cast<ptrdiff_t>(head * 20 + 20));
    const float angle = (head < 3 ? 3.0f : 70.0f);
    const float a = together[12], b = together[13];  // the first pair turns by its position
    together[12] = 1.5f * (a * std::cos(angle) - b * std::sin(angle));
    together[13] = 1.5f * (a * std::sin(angle) + b * std::cos(angle));
    for (size_t i = 0; i < 14; ++i) EXPECT_NEAR(apart[head * 20 + i], together[i], 1e-5) << i;
  }
}

}  // namespace
}  // namespace hadal::inference
