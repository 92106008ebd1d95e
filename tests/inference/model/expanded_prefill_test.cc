#include <cmath>

#include "tests/inference/model/decode.h"
#include "tests/inference/model/on_ranks.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/golden.h"

// DecoderOptions::expanded_prefill: the reference's logits, and the same bits however the work was
// cut.

namespace hadal::inference {
namespace {

/// Logits of `tokens`, whose first `expanded` take the expanded form, fed in chunks.
std::vector<float> FeedInChunks(Decoder& decoder, const std::vector<int32_t>& tokens,
                                int32_t expanded, size_t chunk) {
  OneSequence sequence(decoder, static_cast<int32_t>(tokens.size()));
  sequence.set_expanded_tokens(expanded);
  std::vector<float> all;
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const size_t end = std::min(tokens.size(), begin + chunk);
    const auto logits = sequence.Feed({tokens.begin() + static_cast<ptrdiff_t>(begin),
                                       tokens.begin() + static_cast<ptrdiff_t>(end)});
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

class ExpandedPrefill : public GoldenTest {
 protected:
  // Logits of a prompt, expanded but for its last tokens, and the greedy tokens after it.
  void CheckPrompt(Decoder& decoder, int prompt) const {
    const std::string prefix = "prompt." + std::to_string(prompt) + ".";
    const auto ids = Values<int32_t>(*golden_, prefix + "ids");
    auto expected = Values<float>(*golden_, prefix + "logits");
    if (expected.empty()) expected = Values<float>(*golden_, prefix + "logits_tail");
    ASSERT_FALSE(expected.empty());
    const auto greedy = Values<int32_t>(*golden_, prefix + "greedy");
    OneSequence sequence(decoder, static_cast<int32_t>(ids.size() + greedy.size()));
    sequence.set_expanded_tokens(static_cast<int32_t>(ids.size()) / 4 * 4);
    const std::vector<float> logits = sequence.Feed(ids);
    float worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::fabs(expected[i] - logits[logits.size() - expected.size() + i]));
    }
    EXPECT_LE(worst, 1e-3f) << prefix;
    std::printf("%slogits: max abs difference %.2e\n", prefix.c_str(), static_cast<double>(worst));
    const int32_t vocabulary = decoder.config().vocabulary;
    int32_t next = ArgMax(logits.data() + logits.size() - vocabulary, vocabulary);
    for (const int32_t token : greedy) {
      ASSERT_EQ(next, token) << prefix;
      next = ArgMax(sequence.Feed({next}).data(), vocabulary);
    }
  }

};

TEST_P(ExpandedPrefill, GivesTheReference) {
  DecoderOptions options{ComputeMode::kFloat32};
  options.expanded_prefill = true;
  ASSERT_OK_AND_ASSIGN(auto decoder, LoadDecoder(*checkpoint_, options, Pool(2)));
  for (int prompt = 0; prompt < 5; ++prompt) CheckPrompt(*decoder, prompt);
}

TEST_P(ExpandedPrefill, GivesTheReferenceOnRanks) {
  DecoderOptions base{ComputeMode::kFloat32};
  base.expanded_prefill = true;
  OnRanks({2, 2, 2}, base, [&](int32_t, const DecoderOptions& options) {
    auto decoder = LoadDecoder(*checkpoint_, options, Pool(1));
    ASSERT_OK(decoder);
    CheckPrompt(**decoder, 3);
  });
}

INSTANTIATE_TEST_SUITE_P(Models, ExpandedPrefill,
                         ::testing::Values("deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);

TEST(ExpandedPrefillBits, ChunksThreadsAndNeighboursChangeNothing) {
  for (const auto& [architecture, type] :
       {std::pair{"deepseek_v3", GgmlType::kF8E4M3}, std::pair{"deepseek_v2", GgmlType::kQ8_0}}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture), type, 7);
    DecoderOptions options;
    options.expanded_prefill = true;
    ASSERT_OK_AND_ASSIGN(auto one, LoadDecoder(checkpoint, options, Pool(1)));
    ASSERT_OK_AND_ASSIGN(auto three, LoadDecoder(checkpoint, options, Pool(3)));
    const std::vector<int32_t> tokens = SomeTokens(150, 1);
    const std::vector<float> whole = FeedInChunks(*one, tokens, 96, 150);
    for (const size_t chunk : {1, 7, 32, 90}) {
      EXPECT_TRUE(FeedInChunks(*three, tokens, 96, chunk) == whole) << "chunks of " << chunk;
    }
    // More expanded positions leave those before them as they are.
    const std::vector<float> longer = FeedInChunks(*one, tokens, 128, 150);
    const size_t same = 96 * 500;
    EXPECT_TRUE(std::equal(whole.begin(), whole.begin() + same, longer.begin()));
    EXPECT_FALSE(longer == whole);

    // One batch: a token, a prompt that is expanded but for its end, one that is expanded as a
    // whole.
    const std::vector<std::vector<int32_t>> prompts = {SomeTokens(1, 2), SomeTokens(70, 3),
                                                       SomeTokens(9, 4)};
    ASSERT_OK_AND_ASSIGN(auto cache, KvCache::Create(three->kv_layout(), 12, 32));
    const std::vector<std::vector<int32_t>> tables = {{4, 1, 9, 0}, {2, 3, 8, 5}, {11, 6, 10, 7}};
    const int32_t expanded[] = {0, 64, 9};
    std::vector<SequenceSlice> batch;
    for (size_t i = 0; i < prompts.size(); ++i) {
      batch.push_back({prompts[i], 0, tables[i], 1, expanded[i]});
    }
    std::vector<float> together(prompts.size() * 500);
    ASSERT_OK(three->Forward(batch, *cache, absl::MakeSpan(together)));
    for (size_t i = 0; i < prompts.size(); ++i) {
      const auto alone = FeedInChunks(*one, prompts[i], expanded[i], 5);
      EXPECT_TRUE(std::equal(alone.end() - 500, alone.end(),
                             together.begin() + static_cast<ptrdiff_t>(i * 500)))
          << "sequence " << i;
    }
  }
}

TEST(ExpandedPrefillBits, OnlyWhereItIsAskedFor) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("deepseek_v3"),
                                       GgmlType::kBF16, 7);
  DecoderOptions options;
  ASSERT_OK_AND_ASSIGN(auto absorbed, LoadDecoder(checkpoint, options, Pool(1)));
  options.expanded_prefill = true;
  ASSERT_OK_AND_ASSIGN(auto both, LoadDecoder(checkpoint, options, Pool(1)));
  const std::vector<int32_t> tokens = SomeTokens(70, 1);
  const std::vector<float> expected = FeedInChunks(*absorbed, tokens, 0, 70);
  EXPECT_TRUE(FeedInChunks(*both, tokens, 0, 70) == expected);
  EXPECT_FALSE(FeedInChunks(*both, tokens, 32, 70) == expected);

  ASSERT_OK_AND_ASSIGN(auto cache, KvCache::Create(absorbed->kv_layout(), 1, 16));
  const std::vector<int32_t> table = {0};
  const SequenceSlice slice{absl::MakeConstSpan(tokens).first(4), 0, table, 0, 4};
  EXPECT_STATUS(absorbed->Forward(absl::MakeConstSpan(&slice, 1), *cache, {}), kInvalidArgument,
                "expanded_prefill");
}

TEST(ExpandedPrefillBits, RefusesValuesWiderThanAQuery) {
  ModelConfig config = SyntheticCheckpoint::SmallConfig("deepseek_v3");
  config.mla.v_head_dim = 320;
  const SyntheticCheckpoint checkpoint(config, GgmlType::kF32, 1);
  EXPECT_OK(LoadDecoder(checkpoint, {}, Pool(1)));
  DecoderOptions options;
  options.expanded_prefill = true;
  EXPECT_STATUS(LoadDecoder(checkpoint, options, Pool(1)), kInvalidArgument, "found 320");
}

}  // namespace
}  // namespace hadal::inference
