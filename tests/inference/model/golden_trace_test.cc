#include <cmath>
#include <cstring>
#include <map>

#include "inference/weights/safetensors.h"
#include "tests/inference/model/decode.h"
#include "tests/support/golden.h"

// What happens inside: hidden states of every layer and the router's choices, against the
// reference.

namespace hadal::inference {
namespace {

class Recorder final : public DecoderTrace {
 public:
  void OnHidden(const std::string& name, ConstMatrixView x) override {
    Keep(floats["trace." + name], x);
  }
  void OnRouting(int32_t layer, ConstMatrixView logits, absl::Span<const int32_t> experts,
                 absl::Span<const float> weights) override {
    const std::string prefix = "router." + std::to_string(layer) + ".";
    Keep(floats[prefix + "logits"], logits);
    floats[prefix + "weight"].assign(weights.begin(), weights.end());
    choices[prefix + "idx"].assign(experts.begin(), experts.end());
  }
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> choices;

 private:
  static void Keep(std::vector<float>& to, ConstMatrixView x) {
    to.clear();
    for (int64_t r = 0; r < x.rows; ++r) to.insert(to.end(), x.row(r), x.row(r) + x.cols);
  }
};

class GoldenTrace : public GoldenTest {};

class DeepseekGolden : public GoldenTrace {};

TEST_P(GoldenTrace, HiddenStatesAndRoutersAreThoseOfTheReference) {
  Recorder recorder;
  DecoderOptions options{ComputeMode::kFloat32};
  options.trace = &recorder;
  ASSERT_OK_AND_ASSIGN(auto decoder,
                       LoadDecoder(*checkpoint_, options, Pool(2)));
  OneSequence(*decoder, 64).Feed(Values<int32_t>(*golden_, "prompt.2.ids"));
  size_t compared = 0;
  for (const SafetensorsEntry& entry : golden_->entries()) {
    if (!entry.name.starts_with("trace.") && !entry.name.starts_with("router.")) continue;
    ++compared;
    if (entry.type == SafetensorsType::kI32) {
      EXPECT_EQ(recorder.choices[entry.name], Values<int32_t>(*golden_, entry.name)) << entry.name;
      continue;
    }
    const std::vector<float> expected = Values<float>(*golden_, entry.name);
    const std::vector<float>& found = recorder.floats[entry.name];
    ASSERT_EQ(found.size(), expected.size()) << entry.name;
    float worst = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      worst = std::max(worst, std::fabs(found[i] - expected[i]));
    }
    EXPECT_LE(worst, 1e-4f) << entry.name;
  }
  const ModelConfig& config = decoder->config();
  int32_t routed = 0;
  for (int32_t i = 0; i < config.num_layers; ++i) routed += config.HasExperts(i) ? 1 : 0;
  EXPECT_EQ(compared, static_cast<size_t>(2 + 3 * config.num_layers + 3 * routed));
}

TEST_P(DeepseekGolden, TheCacheHoldsTheLatentAndOneRotatedKey) {
  const MlaConfig& mla = checkpoint_->config().mla;
  for (const ComputeMode mode : {ComputeMode::kFloat32, ComputeMode::kNative}) {
    ASSERT_OK_AND_ASSIGN(auto decoder, LoadDecoder(*checkpoint_, {mode}, Pool(1)));
    EXPECT_EQ(decoder->kv_layout().BytesPerToken(), (mode == ComputeMode::kNative ? 2 : 4) *
                                                        checkpoint_->config().num_layers *
                                                        (mla.kv_lora_rank + mla.qk_rope_head_dim));
  }
}

class MtpGolden : public GoldenTrace {};

// The prediction layer, fed in two chunks: the second must find the first one's cache.
TEST_P(MtpGolden, DraftsAreThoseOfTheReference) {
  DecoderOptions options{ComputeMode::kFloat32};
  options.draft = true;
  ASSERT_OK_AND_ASSIGN(auto decoder, LoadDecoder(*checkpoint_, options, Pool(2)));
  const auto vocabulary = static_cast<size_t>(decoder->config().vocabulary);
  int compared = 0;
  for (int prompt = 1; prompt < 4; ++prompt) {
    const std::string prefix = "mtp." + std::to_string(prompt) + ".";
    ASSERT_NE(golden_->Find(prefix + "logits"), nullptr);
    const auto expected = Values<float>(*golden_, prefix + "logits");
    const auto drafts = Values<int32_t>(*golden_, prefix + "draft");
    const auto ids = Values<int32_t>(*golden_, "prompt." + std::to_string(prompt) + ".ids");
    std::vector<int32_t> following(ids.begin() + 1, ids.end());
    following.push_back(Values<int32_t>(*golden_, prefix + "next_token")[0]);

    OneSequence sequence(*decoder, 160);
    std::vector<float> found;
    for (const auto& [begin, end] : {std::pair(size_t{0}, ids.size() / 2),
                                     std::pair(ids.size() / 2, ids.size())}) {
      sequence.Feed({ids.begin() + static_cast<ptrdiff_t>(begin),
                     ids.begin() + static_cast<ptrdiff_t>(end)});
      const std::vector<float> logits =
          sequence.Draft({following.begin() + static_cast<ptrdiff_t>(begin),
                          following.begin() + static_cast<ptrdiff_t>(end)});
      found.insert(found.end(), logits.begin(), logits.end());
    }
    ASSERT_EQ(found.size(), ids.size() * vocabulary);
    for (size_t i = 0; i < drafts.size(); ++i) {
      EXPECT_EQ(ArgMax(found.data() + i * vocabulary, static_cast<int32_t>(vocabulary)), drafts[i])
          << prefix << i;
    }
    const size_t skip = found.size() - expected.size();
    float worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::fabs(found[skip + i] - expected[i]));
    }
    EXPECT_LE(worst, 1e-3f) << prefix;
    std::printf("%slogits: max abs difference %.2e\n", prefix.c_str(), static_cast<double>(worst));
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

TEST_P(DeepseekGolden, ModelsWithoutAPredictionLayerAreRefused) {
  DecoderOptions options;
  options.draft = true;
  const auto decoder = LoadDecoder(*checkpoint_, options, Pool(1));
  EXPECT_EQ(decoder.ok(), checkpoint_->config().num_nextn_layers > 0);
}

INSTANTIATE_TEST_SUITE_P(Models, MtpGolden,
                         ::testing::Values("deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);
INSTANTIATE_TEST_SUITE_P(Models, GoldenTrace,
                         ::testing::Values("deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8",
                                           "llama-tiny", "qwen2-tiny-tied", "qwen2-tiny-untied",
                                           "qwen2_moe-tiny"),
                         GoldenTestName);
INSTANTIATE_TEST_SUITE_P(Models, DeepseekGolden,
                         ::testing::Values("deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);

}  // namespace
}  // namespace hadal::inference
