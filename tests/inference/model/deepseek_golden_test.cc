#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include "inference/weights/safetensors.h"
#include "tests/inference/model/decode.h"
#include "tests/support/paths.h"

// What happens inside: hidden states of every layer and the router's choices, against the
// reference.

namespace hadal::inference {
namespace {

template <typename T>
std::vector<T> Values(const SafetensorsEntry& entry) {
  std::vector<T> values(entry.data.size() / sizeof(T));
  std::memcpy(values.data(), entry.data.data(), values.size() * sizeof(T));
  return values;
}

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

class DeepseekGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string folder = SharedPath(std::string("golden/models/") + GetParam());
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no reference data at " << folder;
    ASSERT_OK_AND_ASSIGN(checkpoint_, Checkpoint::Open(folder));
    ASSERT_OK_AND_ASSIGN(golden_, SafetensorsFile::Open(folder + "/golden.safetensors"));
  }
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<SafetensorsFile> golden_;
};

TEST_P(DeepseekGolden, HiddenStatesAndRoutersAreThoseOfTheReference) {
  Recorder recorder;
  ASSERT_OK_AND_ASSIGN(auto decoder,
                       LoadDecoder(*checkpoint_, {ComputeMode::kFloat32, &recorder}, Pool(2)));
  OneSequence(*decoder, 64).Feed(Values<int32_t>(*golden_->Find("prompt.2.ids")));
  size_t compared = 0;
  for (const SafetensorsEntry& entry : golden_->entries()) {
    if (!entry.name.starts_with("trace.") && !entry.name.starts_with("router.")) continue;
    ++compared;
    if (entry.type == SafetensorsType::kI32) {
      EXPECT_EQ(recorder.choices[entry.name], Values<int32_t>(entry)) << entry.name;
      continue;
    }
    const std::vector<float> expected = Values<float>(entry);
    const std::vector<float>& found = recorder.floats[entry.name];
    ASSERT_EQ(found.size(), expected.size()) << entry.name;
    float worst = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      worst = std::max(worst, std::fabs(found[i] - expected[i]));
    }
    EXPECT_LE(worst, 1e-4f) << entry.name;
  }
  EXPECT_EQ(compared, static_cast<size_t>(2 + 3 * decoder->config().num_layers +
                                          3 * (decoder->config().num_layers - 1)));
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

INSTANTIATE_TEST_SUITE_P(Models, DeepseekGolden,
                         ::testing::Values("deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                           "deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hadal::inference
