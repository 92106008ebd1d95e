// The engine's promise on a real checkpoint: a request gets the same tokens alone, batched,
// chunked, preempted and with a prefix hit. Skips without the model file.
#include <sys/stat.h>

#include <string>

#include "inference/chat.h"
#include "inference/chat_model.h"
#include "inference/engine.h"
#include "inference/model/decoder.h"
#include "inference/tokenizer.h"
#include "inference/weights/checkpoint.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr const char* kQuestions[] = {
    "What is the capital of France?",
    "Write a haiku about a transformer station at night.",
    "中国的首都是哪座城市?请用一句话回答。",
    "Count from one to twenty.",
    "Explain what a circuit breaker does, for a child.",
    "Say hello in five languages.",
};

class RealModelTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = ModelPath(GetParam());
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) GTEST_SKIP() << "no model file " << path;
    ASSERT_OK_AND_ASSIGN(checkpoint_, Checkpoint::Open(path));
    ASSERT_OK_AND_ASSIGN(tokenizer_, LoadTokenizer(path));
    ASSERT_OK_AND_ASSIGN(decoder_, LoadDecoder(*checkpoint_, DecoderOptions(), MakeThreadPool(2)));
    ASSERT_OK_AND_ASSIGN(const ChatTemplate chat_template,
                         IdentifyChatTemplate(checkpoint_->config().chat_template));
    for (const char* question : kQuestions) {
      GenerateRequest request;
      ASSERT_OK_AND_ASSIGN(request.prompt_tokens,
                           EncodeChat(chat_template, {{"user", question}}, true, *tokenizer_));
      request.sampling.max_tokens = 24;
      request.sampling.temperature = requests_.size() % 2 == 0 ? 0.0f : 0.9f;
      request.sampling.seed = requests_.size();
      requests_.push_back(std::move(request));
    }
  }

  struct Run {
    std::vector<std::vector<int32_t>> tokens;
    std::vector<std::string> texts;
    int32_t cached = 0;
    EngineStats stats;
  };

  void Generate(const EngineOptions& options, bool together, Run& run) {
    ASSERT_OK_AND_ASSIGN(const auto engine, Engine::Create(options, decoder_, tokenizer_));
    std::vector<std::unique_ptr<GenerationStream>> streams;
    for (const GenerateRequest& request : requests_) {
      ASSERT_OK_AND_ASSIGN(auto stream, engine->Submit(request));
      streams.push_back(std::move(stream));
      if (!together) ReadInto(*streams.back(), run);
    }
    if (together) {
      for (auto& stream : streams) ReadInto(*stream, run);
    }
    // The last stream ends a moment before the engine thread copies its figures.
    do {
      run.stats = engine->Stats();
    } while (run.stats.running > 0);
    EXPECT_EQ(run.stats.free_blocks, run.stats.total_blocks);
  }

  static void ReadInto(GenerationStream& stream, Run& run) {
    run.tokens.emplace_back();
    run.texts.emplace_back();
    while (auto delta = stream.Next()) {
      run.tokens.back().insert(run.tokens.back().end(), delta->token_ids.begin(),
                               delta->token_ids.end());
      run.texts.back() += delta->text;
      if (delta->finished) {
        EXPECT_OK(delta->error);
        run.cached += delta->usage.cached_tokens;
      }
    }
  }

  std::unique_ptr<Checkpoint> checkpoint_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<Decoder> decoder_;
  std::vector<GenerateRequest> requests_;
};

TEST_P(RealModelTest, TokensDoNotDependOnWhatElseRuns) {
  EngineOptions options;
  options.kv_blocks = 200;
  options.speculation_rows = 0;
  Run alone;
  Generate(options, /*together=*/false, alone);
  for (size_t i = 0; i < requests_.size(); ++i) {
    ASSERT_FALSE(alone.tokens[i].empty());
    EXPECT_FALSE(alone.texts[i].empty());
  }

  options.speculation_rows = 16;
  Run speculative;
  Generate(options, /*together=*/false, speculative);
  EXPECT_EQ(speculative.tokens, alone.tokens);
  EXPECT_EQ(speculative.texts, alone.texts);
  EXPECT_GT(speculative.stats.accepted_tokens, 0);

  Run batched;
  Generate(options, /*together=*/true, batched);
  EXPECT_EQ(batched.tokens, alone.tokens);
  EXPECT_EQ(batched.texts, alone.texts);

  options.max_running = 6;
  options.max_batch_tokens = 7;
  Run chunked;
  Generate(options, /*together=*/true, chunked);
  EXPECT_EQ(chunked.tokens, alone.tokens);

  options = EngineOptions();
  options.block_size = 4;
  options.kv_blocks = 34;        // of about 100 that all six would need
  options.speculation_rows = 0;  // without memory to spare there are no drafts
  Run preempted;
  Generate(options, /*together=*/true, preempted);
  EXPECT_EQ(preempted.tokens, alone.tokens);
  EXPECT_GT(preempted.stats.preemptions, 0);

  options = EngineOptions();
  options.block_size = 4;
  options.kv_blocks = 400;
  for (GenerateRequest& request : requests_) request.cache_namespace = "tenant";
  Run prefix_hits;
  Generate(options, /*together=*/false, prefix_hits);
  EXPECT_EQ(prefix_hits.tokens, alone.tokens);
  EXPECT_GT(prefix_hits.cached, 0);  // the template's beginning is common to all
}

INSTANTIATE_TEST_SUITE_P(Models, RealModelTest,
                         ::testing::Values("smollm2-135m-instruct-q4_1.gguf",
                                           "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"));

}  // namespace
}  // namespace hadal::inference
