#include "inference/kernels/attention.h"

#include <cmath>

#include "inference/kv_dtype.h"
#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

/// A sequence of `length` positions with its K and V cut into blocks.
struct Case {
  AttentionShape shape;
  int32_t length;
  std::vector<float> q, k, v;
  Case(AttentionShape s, int32_t n) : shape(s), length(n) {
    shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
    q = RandomFloats(Size(shape.num_heads), 1);
    k = RandomFloats(Size(shape.num_kv_heads), 2);
    v = RandomFloats(Size(shape.num_kv_heads), 3);
  }
  size_t Size(int32_t heads) const {
    return static_cast<size_t>(length) * static_cast<size_t>(heads * shape.head_dim);
  }
  int64_t KvCols() const { return int64_t{shape.num_kv_heads} * shape.head_dim; }
};

/// softmax(q k^T) v in double precision; row i sees visible(i) positions.
template <typename Visible>
std::vector<float> Naive(const Case& c, Visible visible) {
  const AttentionShape& s = c.shape;
  std::vector<float> out(c.q.size());
  for (int32_t row = 0; row < c.length; ++row) {
    for (int32_t h = 0; h < s.num_heads; ++h) {
      const float* q = c.q.data() + (int64_t{row} * s.num_heads + h) * s.head_dim;
      const int32_t kv_head = h / (s.num_heads / s.num_kv_heads);
      std::vector<double> weight(static_cast<size_t>(visible(row)));
      double sum = 0;
      for (size_t p = 0; p < weight.size(); ++p) {
        const float* k =
            c.k.data() + (static_cast<int64_t>(p) * s.num_kv_heads + kv_head) * s.head_dim;
        double dot = 0;
        for (int32_t d = 0; d < s.head_dim; ++d) dot += double{q[d]} * k[d];
        sum += weight[p] = std::exp(dot * s.scale);
      }
      for (int32_t d = 0; d < s.head_dim; ++d) {
        double value = 0;
        for (size_t p = 0; p < weight.size(); ++p) {
          value += weight[p] / sum *
                   c.v[(p * static_cast<size_t>(s.num_kv_heads) + static_cast<size_t>(kv_head)) *
                           static_cast<size_t>(s.head_dim) +
                       static_cast<size_t>(d)];
        }
        out[static_cast<size_t>((row * s.num_heads + h) * s.head_dim + d)] =
            static_cast<float>(value);
      }
    }
  }
  return out;
}

/// Through the paged op, rows [begin, end) as one slice.
void RunPaged(const Device& device, const Case& c, KvDtype dtype, int32_t block_size,
              int32_t begin, int32_t end, std::vector<float>& out) {
  const KvRow row = KvRow::OfHeads(dtype, c.shape.num_kv_heads, c.shape.head_dim);
  const auto row_bytes = static_cast<size_t>(row.bytes());
  const size_t blocks = static_cast<size_t>((end + block_size - 1) / block_size);
  const size_t block_bytes = static_cast<size_t>(block_size) * row_bytes;
  std::vector<uint8_t> keys(blocks * block_bytes, 0xEE), values(blocks * block_bytes, 0xEE);
  std::vector<void*> key_rows, value_rows;
  for (int32_t p = 0; p < end; ++p) {
    key_rows.push_back(keys.data() + static_cast<size_t>(p) * row_bytes);
    value_rows.push_back(values.data() + static_cast<size_t>(p) * row_bytes);
  }
  StoreRows(device, ConstMatrixView(c.k.data(), end, c.KvCols()), row, key_rows);
  StoreRows(device, ConstMatrixView(c.v.data(), end, c.KvCols()), row, value_rows);
  std::vector<const void*> key_blocks, value_blocks;
  for (size_t b = 0; b < blocks; ++b) {
    key_blocks.push_back(keys.data() + b * block_bytes);
    value_blocks.push_back(values.data() + b * block_bytes);
  }
  const int64_t q_cols = int64_t{c.shape.num_heads} * c.shape.head_dim;
  CausalSlice slice;
  slice.num_rows = end - begin;
  slice.position = begin;
  slice.kv = {key_blocks, value_blocks, block_size, dtype};
  const ConstMatrixView q(c.q.data() + begin * q_cols, end - begin, q_cols);
  CausalAttention(device, c.shape, q,
                  absl::MakeConstSpan(&slice, 1),
                  MatrixView(out.data() + begin * q_cols, end - begin, q_cols));
}

struct Limit {
  KvDtype dtype;
  float worst;  ///< of results from normal K and V, the roundings of the type
};
constexpr Limit kLimits[] = {
    {KvDtype::kF32, 1e-5f}, {KvDtype::kF16, 5e-3f}, {KvDtype::kBF16, 4e-2f}, {KvDtype::kI8, 5e-2f}};

float WorstDifference(const std::vector<float>& a, const std::vector<float>& b) {
  float worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a[i] - b[i]));
  return worst;
}

class AttentionShapes : public ::testing::TestWithParam<AttentionShape> {};

TEST_P(AttentionShapes, MatchesTheNaiveFormula) {
  const Case c(GetParam(), 150);
  const std::vector<float> expected = Naive(c, [](int32_t row) { return row + 1; });
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(2), isa);
    std::vector<float> out(c.q.size());
    for (const auto& [dtype, limit] : kLimits) {
      RunPaged(device, c, dtype, 16, 0, 150, out);
      EXPECT_LT(WorstDifference(out, expected), limit) << IsaName(isa) << KvDtypeName(dtype);
    }
  }
}

TEST_P(AttentionShapes, InstructionSetsChunksAndBlocksGiveTheSameBits) {
  const Case c(GetParam(), 150);
  const Device scalar(std::make_shared<ThreadPool>(1), Isa::kScalar);
  for (const auto& [dtype, limit] : kLimits) {
    std::vector<float> reference(c.q.size());
    RunPaged(scalar, c, dtype, 150, 0, 150, reference);
    for (const Isa isa : AvailableIsas()) {
      const Device device(std::make_shared<ThreadPool>(3), isa);
      std::vector<float> out(c.q.size());
      for (int32_t begin = 0, chunk = 1; begin < 150; begin += chunk, chunk = chunk * 3 + 1) {
        RunPaged(device, c, dtype, 7 + begin, begin, std::min(150, begin + chunk), out);
      }
      EXPECT_TRUE(out == reference) << IsaName(isa) << KvDtypeName(dtype);
    }
  }
}

// Positions of several pieces: threads share the pieces of one row, or of a few.
TEST_P(AttentionShapes, ThreadsThatShareARowGiveTheSameBits) {
  constexpr int32_t kLength = 1100;
  const Case c(GetParam(), kLength);
  const Device one(std::make_shared<ThreadPool>(1));
  std::vector<float> reference(c.q.size());
  RunPaged(one, c, KvDtype::kF16, 16, 0, kLength, reference);
  for (const int32_t threads : {1, 2, 7}) {
    const Device device(std::make_shared<ThreadPool>(threads));
    for (const int32_t begin : {255, 256, 257, 511, 512, 700, 1024, 1099}) {
      for (const int32_t rows : {1, 3}) {
        if (begin + rows > kLength) continue;
        std::vector<float> out = reference;
        const auto first = static_cast<ptrdiff_t>(c.Size(c.shape.num_heads) / kLength) * begin;
        std::fill(out.begin() + first, out.end(), -1.0f);
        RunPaged(device, c, KvDtype::kF16, 16, begin, begin + rows, out);
        const auto last = static_cast<ptrdiff_t>(c.Size(c.shape.num_heads) / kLength) *
                          (begin + rows);
        EXPECT_TRUE(std::equal(out.begin(), out.begin() + last, reference.begin()))
            << threads << " threads, " << rows << " rows from " << begin;
      }
    }
  }
}

TEST(CausalAttention, ManyPiecesMatchTheNaiveFormula) {
  const Case c({2, 1, 32, 0}, 1100);
  const std::vector<float> expected = Naive(c, [](int32_t row) { return row + 1; });
  std::vector<float> out(c.q.size());
  RunPaged(Device(std::make_shared<ThreadPool>(2)), c, KvDtype::kF32, 16, 0, 1100, out);
  EXPECT_LT(WorstDifference(out, expected), 1e-5f);
}

// One long row among short ones: its pieces are shared, and nothing of the others changes.
TEST(CausalAttention, SlicesOfUnequalLengthsAreThoseAlone) {
  const Case c({4, 2, 32, 0}, 1000);
  const Device one(std::make_shared<ThreadPool>(1));
  const Device many(std::make_shared<ThreadPool>(5));
  const void* const key_block = c.k.data();
  const void* const value_block = c.v.data();
  std::vector<CausalSlice> slices;
  for (const int32_t position : {3, 999, 40, 300, 255}) {
    CausalSlice slice;
    slice.first_row = std::ssize(slices);
    slice.num_rows = 1;
    slice.position = position;
    slice.kv = {absl::MakeConstSpan(&key_block, 1), absl::MakeConstSpan(&value_block, 1), 1000,
                KvDtype::kF32};
    slices.push_back(slice);
  }
  std::vector<float> together(5 * 128), alone(5 * 128);
  const ConstMatrixView q(c.q.data(), 5, 128);
  CausalAttention(many, c.shape, q, slices, MatrixView(together.data(), 5, 128));
  for (const CausalSlice& slice : slices) {
    CausalAttention(one, c.shape, q, absl::MakeConstSpan(&slice, 1),
                    MatrixView(alone.data(), 5, 128));
  }
  EXPECT_TRUE(together == alone);
}

TEST_P(AttentionShapes, BidirectionalMatchesTheNaiveFormula) {
  const Case c(GetParam(), 70);
  const std::vector<float> expected = Naive(c, [](int32_t) { return 70; });
  const int64_t q_cols = int64_t{c.shape.num_heads} * c.shape.head_dim;
  for (const Isa isa : AvailableIsas()) {
    const Device device(std::make_shared<ThreadPool>(2), isa);
    std::vector<float> out(c.q.size());
    const BidirectionalSlice slice{0, 70};
    BidirectionalAttention(device, c.shape, ConstMatrixView(c.q.data(), 70, q_cols),
                           ConstMatrixView(c.k.data(), 70, c.KvCols()),
                           ConstMatrixView(c.v.data(), 70, c.KvCols()),
                           absl::MakeConstSpan(&slice, 1), MatrixView(out.data(), 70, q_cols));
    EXPECT_LT(WorstDifference(out, expected), 1e-5f) << IsaName(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionShapes,
                         ::testing::Values(AttentionShape{14, 2, 64, 0},
                                           AttentionShape{4, 4, 32, 0},
                                           AttentionShape{6, 3, 24, 0},
                                           AttentionShape{2, 1, 128, 0}),
                         [](const auto& test) {
                           return "Heads" + std::to_string(test.param.num_heads) + "Of" +
                                  std::to_string(test.param.head_dim);
                         });

// Values narrower than keys are the first ones of values as wide, bit for bit.
TEST(CausalAttention, TakesTheFirstValuesOfAHead) {
  Case c({4, 2, 48, 0}, 90);
  const Device device(std::make_shared<ThreadPool>(2));
  std::vector<float> whole(c.q.size());
  RunPaged(device, c, KvDtype::kF32, 16, 0, 90, whole);
  c.shape.value_dim = 24;
  const void* const key_block = c.k.data();
  const void* const value_block = c.v.data();
  CausalSlice slice;
  slice.num_rows = 90;
  slice.kv = {absl::MakeConstSpan(&key_block, 1), absl::MakeConstSpan(&value_block, 1), 90,
              KvDtype::kF32};
  std::vector<float> narrow(90 * 4 * 24);
  CausalAttention(device, c.shape, ConstMatrixView(c.q.data(), 90, 4 * 48),
                  absl::MakeConstSpan(&slice, 1), MatrixView(narrow.data(), 90, 4 * 24));
  for (size_t head = 0; head < 90 * 4; ++head) {
    EXPECT_TRUE(std::equal(narrow.begin() + static_cast<ptrdiff_t>(head * 24),
                           narrow.begin() + static_cast<ptrdiff_t>(head * 24 + 24),
                           whole.begin() + static_cast<ptrdiff_t>(head * 48)));
  }
}

}  // namespace
}  // namespace hadal::inference
