#include <cmath>

#include "inference/kv_dtype.h"
#include "tests/inference/model/decode.h"
#include "tests/inference/model/synthetic_checkpoint.h"

namespace hadal::inference {
namespace {

std::vector<int32_t> SomeTokens(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 500);
  return tokens;
}

/// One architecture with weights of one type; the bits of its logits must not depend on how the
/// work was cut.
class BatchInvariance : public ::testing::TestWithParam<std::pair<const char*, GgmlType>> {
 protected:
  std::unique_ptr<Decoder> Load(int32_t threads, ComputeMode mode = ComputeMode::kNative,
                                KvDtype kv_dtype = KvDtype::kF16) const {
    const auto& [architecture, type] = GetParam();
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture), type, 7);
    auto decoder = LoadDecoder(checkpoint, {mode, kv_dtype}, Pool(threads));
    EXPECT_OK(decoder);
    return *std::move(decoder);
  }
};

TEST_P(BatchInvariance, ChunksThreadsAndBlockSizesGiveTheSameBits) {
  const std::vector<int32_t> tokens = SomeTokens(150, 1);
  const auto one = Load(1);
  const std::vector<float> whole = OneSequence(*one, 160).Feed(tokens);
  const auto three = Load(3);
  for (const size_t chunk : {size_t{1}, size_t{7}, size_t{64}, size_t{150}}) {
    OneSequence sequence(*three, 160, chunk == 7 ? 5 : 32);
    std::vector<float> parts;
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const size_t end = std::min(tokens.size(), begin + chunk);
      const std::vector<float> logits = sequence.Feed(
          {tokens.begin() + static_cast<std::ptrdiff_t>(begin),
           tokens.begin() + static_cast<std::ptrdiff_t>(end)});
      parts.insert(parts.end(), logits.begin(), logits.end());
    }
    EXPECT_TRUE(parts == whole) << "chunks of " << chunk;
  }
}

TEST_P(BatchInvariance, NeighboursInTheBatchChangeNothing) {
  const auto decoder = Load(2);
  const auto vocabulary = static_cast<size_t>(decoder->config().vocabulary);
  const std::vector<std::vector<int32_t>> prompts = {SomeTokens(1, 2), SomeTokens(70, 3),
                                                     SomeTokens(9, 4)};
  ASSERT_OK_AND_ASSIGN(auto cache, KvCache::Create(decoder->kv_layout(), 12, 32));
  std::vector<std::vector<int32_t>> tables = {{4, 1, 9, 0}, {2, 3, 8, 5}, {11, 6, 10, 7}};
  std::vector<SequenceSlice> batch;
  for (size_t i = 0; i < prompts.size(); ++i) batch.push_back({prompts[i], 0, tables[i], 1});
  std::vector<float> together(prompts.size() * vocabulary);
  ASSERT_OK(decoder->Forward(batch, *cache, absl::MakeSpan(together)));
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<float> all = OneSequence(*decoder, 128).Feed(prompts[i]);
    const std::vector<float> last(all.end() - static_cast<std::ptrdiff_t>(vocabulary), all.end());
    const auto from = together.begin() + static_cast<std::ptrdiff_t>(i * vocabulary);
    EXPECT_TRUE(std::equal(last.begin(), last.end(), from)) << "sequence " << i;
  }
}

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

TEST_P(BatchInvariance, NativeStaysCloseToFloat32) {
  const std::vector<int32_t> tokens = SomeTokens(40, 5);
  const auto native = Load(2);
  const auto exact = Load(2, ComputeMode::kFloat32);
  // Random weights amplify what int8 activations lose; a wrong scale or bit gives below 0.9.
  EXPECT_GT(Cosine(OneSequence(*native, 64).Feed(tokens), OneSequence(*exact, 64).Feed(tokens)),
            0.99);
}

TEST_P(BatchInvariance, EveryTypeOfTheCacheGivesTheSameBitsInChunks) {
  const std::vector<int32_t> tokens = SomeTokens(90, 8);
  const auto wide = Load(2, ComputeMode::kNative, KvDtype::kF32);
  const std::vector<float> exact = OneSequence(*wide, 96).Feed(tokens);
  for (const KvDtype dtype : {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8}) {
    const auto one = Load(1, ComputeMode::kNative, dtype);
    EXPECT_EQ(one->kv_layout().k.dtype, dtype);
    const std::vector<float> whole = OneSequence(*one, 96).Feed(tokens);
    const auto three = Load(3, ComputeMode::kNative, dtype);
    OneSequence sequence(*three, 96, 5);
    std::vector<float> parts;
    for (size_t begin = 0; begin < tokens.size(); begin += 7) {
      const auto end = std::min(tokens.size(), begin + 7);
      const std::vector<float> logits =
          sequence.Feed({tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                         tokens.begin() + static_cast<std::ptrdiff_t>(end)});
      parts.insert(parts.end(), logits.begin(), logits.end());
    }
    EXPECT_TRUE(parts == whole) << KvDtypeName(dtype);
    EXPECT_GT(Cosine(whole, exact), 0.98) << KvDtypeName(dtype);
    EXPECT_EQ(whole == exact, dtype == KvDtype::kF32) << KvDtypeName(dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, BatchInvariance,
    ::testing::Values(std::pair{"qwen2", GgmlType::kQ5_0}, std::pair{"qwen2", GgmlType::kQ6_K},
                      std::pair{"llama", GgmlType::kQ4_1}, std::pair{"llama", GgmlType::kQ8_0},
                      std::pair{"qwen2", GgmlType::kQ4_K}, std::pair{"llama", GgmlType::kBF16},
                      std::pair{"qwen2_moe", GgmlType::kBF16},
                      std::pair{"deepseek_v2", GgmlType::kBF16},
                      std::pair{"deepseek_v2", GgmlType::kQ8_0},
                      std::pair{"deepseek_v3", GgmlType::kF8E4M3},
                      std::pair{"deepseek_v3", GgmlType::kQ8_0}));

// Widening inside the kernel rounds as widening before does (inference_kernels_test, bit for bit);
// what is left is the float16 cache.
TEST(Fp8Weights, DifferFromWidenedOnesByTheRoundingOfTheCacheOnly) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("deepseek_v3"),
                                       GgmlType::kF8E4M3, 9);
  ASSERT_OK_AND_ASSIGN(const auto stored, LoadDecoder(checkpoint, {}, Pool(2)));
  ASSERT_OK_AND_ASSIGN(const auto wide,
                       LoadDecoder(checkpoint, {ComputeMode::kFloat32}, Pool(2)));
  const std::vector<int32_t> tokens = SomeTokens(40, 6);
  const std::vector<float> a = OneSequence(*stored, 64).Feed(tokens);
  const std::vector<float> b = OneSequence(*wide, 64).Feed(tokens);
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::fabs(a[i] - b[i]);
    size += std::fabs(b[i]);
  }
  EXPECT_LT(difference / size, 0.01);  // scales left untransposed give 0.04
}

}  // namespace
}  // namespace hadal::inference
