// Drafting with real models on the reference checkpoints: continuations stay those of the
// reference, and what the prediction layer guesses is what the reference's does.
#include <filesystem>
#include <string>
#include <vector>

#include "inference/chat_model.h"
#include "inference/engine.h"
#include "inference/model/decoder.h"
#include "inference/tokenizer.h"
#include "inference/weights/checkpoint.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/golden.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int kPrompts = 5;

class DrafterModelTest : public GoldenTest {
 protected:
  std::shared_ptr<Decoder> Load(bool draft) const {
    DecoderOptions options{ComputeMode::kFloat32};
    options.draft = draft;
    auto decoder = LoadDecoder(*checkpoint_, options, MakeThreadPool(2));
    EXPECT_OK(decoder);
    return *std::move(decoder);
  }

  /// The greedy continuations of all prompts, one after the other, against the reference.
  EngineStats Generate(std::shared_ptr<Decoder> decoder, std::shared_ptr<Decoder> draft) const {
    EngineOptions options;
    options.kv_blocks = 64;
    options.speculation_rows = 8;
    auto engine = Engine::Create(options, std::move(decoder),
                                 std::make_shared<testing::FakeTokenizer>(), nullptr, draft);
    EXPECT_OK(engine);
    for (int i = 0; i < kPrompts; ++i) {
      const std::string prefix = "prompt." + std::to_string(i) + ".";
      GenerateRequest request;
      request.prompt_tokens = Values<int32_t>(*golden_, prefix + "ids");
      std::vector<int32_t> expected = Values<int32_t>(*golden_, prefix + "greedy");
      request.sampling.max_tokens = static_cast<int32_t>(expected.size());
      request.sampling.temperature = 0;
      auto stream = (*engine)->Submit(std::move(request));
      EXPECT_OK(stream);
      std::vector<int32_t> tokens;
      while (auto delta = (*stream)->Next()) {
        EXPECT_OK(delta->error);
        tokens.insert(tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
      }
      // The reference goes on behind an end token.
      if (tokens.back() == testing::kEndToken) expected.resize(tokens.size());
      EXPECT_EQ(tokens, expected) << prefix;
    }
    EngineStats stats;
    do {
      stats = (*engine)->Stats();
    } while (stats.running > 0);
    EXPECT_EQ(stats.free_blocks, stats.total_blocks);
    return stats;
  }
};

TEST_P(DrafterModelTest, ThePredictionLayerChangesNoToken) {
  const EngineStats stats = Generate(Load(/*draft=*/true), nullptr);
  EXPECT_GT(stats.drafted_tokens, 0);
  std::printf("%s: %d drafted, %d held\n", GetParam(), static_cast<int>(stats.drafted_tokens),
              static_cast<int>(stats.accepted_tokens));
}

TEST_P(DrafterModelTest, ADraftModelThatIsTheModelItselfHolds) {
  const EngineStats stats = Generate(Load(/*draft=*/false), Load(/*draft=*/false));
  EXPECT_GT(stats.drafted_tokens, kPrompts * 8);
  EXPECT_GT(stats.accepted_tokens, stats.drafted_tokens * 9 / 10);
}

constexpr const char* kSmol = "smollm2-135m-instruct-q4_1.gguf";

TEST(DraftModel, DraftsForAChatModelOfTheSameTokens) {
  const std::string path = ModelPath(kSmol);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no model file " << path;
  std::vector<int32_t> tokens[2];
  for (const bool drafts : {false, true}) {
    EngineOptions options;
    options.kv_blocks = 64;
    if (drafts) options.draft = path;
    ASSERT_OK_AND_ASSIGN(const ChatModel model, LoadChatModel(path, options, MakeThreadPool(2)));
    GenerateRequest request;
    request.prompt_tokens = model.tokenizer->Encode("The three largest cities of France are", {});
    request.sampling.max_tokens = 24;
    request.sampling.temperature = 0;
    ASSERT_OK_AND_ASSIGN(const auto stream, model.engine->Submit(std::move(request)));
    EngineStats stats;
    while (auto delta = stream->Next()) {
      EXPECT_OK(delta->error);
      tokens[drafts].insert(tokens[drafts].end(), delta->token_ids.begin(),
                            delta->token_ids.end());
    }
    do {
      stats = model.engine->Stats();
    } while (stats.running > 0);
    if (drafts) {
      EXPECT_GT(stats.accepted_tokens, 12);
    }
  }
  EXPECT_EQ(tokens[0], tokens[1]);
}

TEST(DraftModel, OneOfOtherTokensIsRefused) {
  const std::string path = ModelPath(kSmol);
  const std::string other = ModelPath("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  if (!std::filesystem::exists(path) || !std::filesystem::exists(other)) {
    GTEST_SKIP() << "no model files " << path << " and " << other;
  }
  EngineOptions options;
  options.kv_blocks = 64;
  options.draft = other;
  EXPECT_STATUS(LoadChatModel(path, options, MakeThreadPool(1)).status(), kInvalidArgument,
                "use a draft model with the same tokenizer");
}

INSTANTIATE_TEST_SUITE_P(Models, DrafterModelTest,
                         ::testing::Values("deepseek_v3-tiny", "deepseek_v3-tiny-fp8"),
                         GoldenTestName);

}  // namespace
}  // namespace hadal::inference
