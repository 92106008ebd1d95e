#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tests/inference/model/decode.h"
#include "tests/support/golden.h"
#include "tests/support/paths.h"

// Reference results of transformers (float32) on small random checkpoints; see the README beside
// them for what was measured.

namespace hadal::inference {
namespace {

class GoldenLogits : public GoldenTest {
 protected:
  std::unique_ptr<Decoder> Load(ComputeMode mode) const {
    auto decoder = LoadDecoder(*checkpoint_, {mode}, Pool(2));
    EXPECT_OK(decoder);
    return *std::move(decoder);
  }
  std::string Name(int prompt, const char* what) const {
    return "prompt." + std::to_string(prompt) + "." + what;
  }
};

TEST_P(GoldenLogits, Float32WithinOneThousandthAndGreedyEqual) {
  const auto decoder = Load(ComputeMode::kFloat32);
  const int32_t vocabulary = decoder->config().vocabulary;
  for (int prompt = 0; prompt < 5; ++prompt) {
    const std::vector<int32_t> ids = Values<int32_t>(*golden_, Name(prompt, "ids"));
    ASSERT_FALSE(ids.empty());
    OneSequence sequence(*decoder, static_cast<int32_t>(ids.size()) + 32);
    const std::vector<float> logits = sequence.Feed(ids);
    std::vector<float> expected = Values<float>(*golden_, Name(prompt, "logits"));
    if (expected.empty()) expected = Values<float>(*golden_, Name(prompt, "logits_tail"));
    ASSERT_FALSE(expected.empty());
    const size_t skip = logits.size() - expected.size();
    float worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::fabs(expected[i] - logits[skip + i]));
    }

    // Long prompts store the 32 largest logits of every position beside the last rows.
    const std::vector<int32_t> top_ids = Values<int32_t>(*golden_, Name(prompt, "top_ids"));
    const std::vector<float> top_values = Values<float>(*golden_, Name(prompt, "top_values"));
    ASSERT_EQ(top_ids.size(), top_values.size());
    for (size_t i = 0; i < top_ids.size(); ++i) {
      const size_t row = i / (top_ids.size() / ids.size());
      const size_t at = row * static_cast<size_t>(vocabulary) + static_cast<size_t>(top_ids[i]);
      worst = std::max(worst, std::fabs(top_values[i] - logits[at]));
    }
    EXPECT_LE(worst, 1e-3f) << "prompt " << prompt;
    std::printf("prompt %d: max abs logit difference %.2e over %zu rows\n", prompt,
                static_cast<double>(worst), ids.size());

    const std::vector<int32_t> greedy = Values<int32_t>(*golden_, Name(prompt, "greedy"));
    ASSERT_EQ(greedy.size(), 32u);
    int32_t next =
        ArgMax(logits.data() + logits.size() - static_cast<size_t>(vocabulary), vocabulary);
    for (size_t step = 0; step < greedy.size(); ++step) {
      ASSERT_EQ(next, greedy[step]) << "prompt " << prompt << " step " << step;
      next = ArgMax(sequence.Feed({next}).data(), vocabulary);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenLogits,
                         ::testing::Values("qwen2-tiny-tied", "qwen2-tiny-untied", "qwen2_moe-tiny",
                                           "llama-tiny",
                                           "deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);

class GoldenNative : public GoldenLogits {
 protected:
  /// Mean absolute difference over all rows of the prompts with full logits.
  double MeanDifference() const {
    const auto decoder = Load(ComputeMode::kNative);
    double sum = 0;
    size_t count = 0;
    for (int prompt = 0; prompt < 4; ++prompt) {
      const std::vector<int32_t> ids = Values<int32_t>(*golden_, Name(prompt, "ids"));
      const std::vector<float> expected = Values<float>(*golden_, Name(prompt, "logits"));
      const std::vector<float> logits = OneSequence(*decoder, 160).Feed(ids);
      EXPECT_EQ(logits.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) sum += std::fabs(expected[i] - logits[i]);
      count += expected.size();
    }
    std::printf("mean abs logit difference %.2e\n", sum / static_cast<double>(count));
    return sum / static_cast<double>(count);
  }
};

// Native keeps BF16 and E4M3 weights and float32 activations; only the cache is rounded, to
// float16.
TEST_P(GoldenNative, DiffersByTheRoundingOfTheCacheOnly) { EXPECT_LT(MeanDifference(), 0.01); }

INSTANTIATE_TEST_SUITE_P(Models, GoldenNative,
                         ::testing::Values("qwen2-tiny-tied", "qwen2-tiny-untied", "qwen2_moe-tiny",
                                           "llama-tiny",
                                           "deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);

// The default chat model: the greedy continuation another engine (llama.cpp) gives for this file.
TEST(DefaultModel, ContinuesTheCapitals) {
  const std::string path = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no model file at " << path;
  ASSERT_OK_AND_ASSIGN(auto checkpoint, Checkpoint::Open(path));
  ASSERT_OK_AND_ASSIGN(auto decoder, LoadDecoder(*checkpoint, {}, Pool(2)));
  checkpoint.reset();  // the decoder keeps nothing of the file
  // "The capital of France is Paris. The capital of Germany is"
  const std::vector<int32_t> prompt = {785, 6722, 315,  9625, 374,  12095,
                                       13,  576,  6722, 315,  9856, 374};
  const std::vector<int32_t> expected = {19846, 13,  576,  6722, 315,  15344, 374,   21718,
                                         13,    576, 6722, 315,  6323, 374,   26194, 13};
  const int32_t vocabulary = decoder->config().vocabulary;
  OneSequence sequence(*decoder, 64);
  const std::vector<float> logits = sequence.Feed(prompt);
  int32_t next =
      ArgMax(logits.data() + logits.size() - static_cast<size_t>(vocabulary), vocabulary);
  for (const int32_t token : expected) {
    ASSERT_EQ(next, token);
    next = ArgMax(sequence.Feed({next}).data(), vocabulary);
  }
}

}  // namespace
}  // namespace hadal::inference
