// Attention of encoders in whole numbers.
#include "inference/kernels/encoder_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

/// Rows of several sequences side by side, with room behind each row.
struct Encoder {
  AttentionShape shape;
  int64_t rows, cols, stride;
  std::vector<float> q, k, v;

  Encoder(int32_t heads, int32_t dim, int64_t num_rows)
      : shape{heads, heads, dim, 1.0f / std::sqrt(static_cast<float>(dim))},
        rows(num_rows),
        cols(int64_t{heads} * dim),
        stride(cols + 5),
        q(RandomFloats(static_cast<size_t>(rows * stride), 1, 3.0f)),
        k(RandomFloats(static_cast<size_t>(rows * stride), 2, 3.0f)),
        v(RandomFloats(static_cast<size_t>(rows * stride), 3, 2.0f)) {}

  std::vector<float> Attend(const Device& device,
                            absl::Span<const BidirectionalSlice> slices) const {
    std::vector<float> out(static_cast<size_t>(rows * cols));
    const auto view = [&](const std::vector<float>& x) {
      return ConstMatrixView(x.data(), rows, cols, stride);
    };
    RoundedBidirectionalAttention(device, shape, view(q), view(k), view(v), slices,
                                  MatrixView(out.data(), rows, cols));
    return out;
  }

  /// Of one slice, in double precision and without rounding.
  std::vector<float> Naive(const BidirectionalSlice& slice) const {
    std::vector<float> out(static_cast<size_t>(rows * cols));
    const int64_t end = slice.first_row + slice.num_rows;
    for (int64_t i = slice.first_row; i < end; ++i) {
      for (int64_t head = 0; head < shape.num_heads; ++head) {
        const int64_t at = head * shape.head_dim;
        std::vector<double> sums(static_cast<size_t>(shape.head_dim));
        double total = 0;
        for (int64_t j = slice.first_row; j < end; ++j) {
          double score = 0;
          for (int64_t d = at; d < at + shape.head_dim; ++d) {
            score += double{q[static_cast<size_t>(i * stride + d)]} *
                     k[static_cast<size_t>(j * stride + d)];
          }
          const double weight = std::exp(score * shape.scale);
          total += weight;
          for (int64_t d = 0; d < shape.head_dim; ++d) {
            sums[static_cast<size_t>(d)] += weight * v[static_cast<size_t>(j * stride + at + d)];
          }
        }
        for (int64_t d = 0; d < shape.head_dim; ++d) {
          out[static_cast<size_t>(i * cols + at + d)] =
              static_cast<float>(sums[static_cast<size_t>(d)] / total);
        }
      }
    }
    return out;
  }
};

Device OneThread(Isa isa) { return Device(std::make_shared<ThreadPool>(1), isa); }

// One position, a full block and one more, several blocks with a rest of queries and positions.
TEST(RoundedAttention, IsNearTheFormulaAndTheSameOnEveryInstructionSet) {
  for (const int32_t dim : {32, 64}) {
    for (const int32_t rows : {1, 16, 32, 33, 150}) {
      const Encoder encoder(3, dim, rows);
      const BidirectionalSlice slice{0, rows};
      const std::vector<float> scalar =
          encoder.Attend(OneThread(Isa::kScalar), absl::MakeConstSpan(&slice, 1));
      const std::vector<float> expected = encoder.Naive(slice);
      double error = 0, size = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        error += std::pow(double{scalar[i]} - expected[i], 2);
        size += std::pow(double{expected[i]}, 2);
      }
      // Scores are around 9, and each is around 0.05 off: half a per cent, which the softmax passes
      // on.
      EXPECT_LT(std::sqrt(error / size), 0.03) << rows << " rows, heads of " << dim;
      for (const Isa isa : AvailableIsas()) {
        EXPECT_TRUE(encoder.Attend(OneThread(isa), absl::MakeConstSpan(&slice, 1)) == scalar)
            << IsaName(isa) << ", " << rows << " rows, heads of " << dim;
      }
    }
  }
}

TEST(RoundedAttention, SlicesTogetherOnThreadsAreThoseAlone) {
  const Encoder encoder(4, 32, 120);
  const BidirectionalSlice slices[] = {{0, 47}, {47, 1}, {48, 72}};
  for (const Isa isa : AvailableIsas()) {
    const std::vector<float> together =
        encoder.Attend(Device(std::make_shared<ThreadPool>(3), isa), slices);
    std::vector<float> apart(together.size());
    for (const BidirectionalSlice& slice : slices) {
      const std::vector<float> alone =
          encoder.Attend(OneThread(isa), absl::MakeConstSpan(&slice, 1));
      const int64_t begin = slice.first_row * encoder.cols;
      std::copy_n(alone.begin() + begin, slice.num_rows * encoder.cols, apart.begin() + begin);
    }
    EXPECT_TRUE(together == apart) << IsaName(isa);
  }
}

TEST(RoundedAttention, ADamagedNumberStaysVisible) {
  for (auto damaged : {&Encoder::q, &Encoder::k, &Encoder::v}) {
    Encoder encoder(1, 32, 40);
    std::vector<float>& x = encoder.*damaged;
    std::fill(x.begin(), x.end(), std::numeric_limits<float>::quiet_NaN());
    const BidirectionalSlice slice{0, 40};
    for (const Isa isa : AvailableIsas()) {
      for (float value : encoder.Attend(OneThread(isa), absl::MakeConstSpan(&slice, 1))) {
        ASSERT_FALSE(std::isfinite(value)) << IsaName(isa);
      }
    }
  }
}

}  // namespace
}  // namespace hadal::inference
