#include "inference/engine/engine_core.h"

#include <limits>
#include <random>

#include "base/utf8.h"
#include "inference/constraint.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::FakeDecoder;
using testing::FakeTokenizer;
using testing::Generated;
using testing::kEndToken;
using testing::ReferenceGenerate;

/// Takes the core step by step on the test's own thread.
class EngineCoreTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options) {
    options.block_size = 4;
    decoder_ = std::make_shared<FakeDecoder>();
    core_.emplace(
        options, decoder_,
        testing::MakeKvCache(decoder_->kv_layout(), options.kv_blocks, options.block_size),
        /*drafter=*/nullptr, std::make_shared<FakeTokenizer>(), clock_);
  }

  std::shared_ptr<StreamChannel> Add(const GenerateRequest& request, int32_t capacity = 1000) {
    auto channel = std::make_shared<StreamChannel>(capacity, request.n);
    core_->Add(std::make_unique<Sequence>(request, channel));
    return channel;
  }

  void RunToEnd() {
    for (int steps = 0; core_->Step(); ++steps) ASSERT_LT(steps, 100000);
  }

  /// All deltas of each choice as one, with everything a reader may rely on checked.
  static std::vector<GenerateDelta> CollectChoices(StreamChannel& channel, int32_t n) {
    std::vector<GenerateDelta> choices(static_cast<size_t>(n));
    while (auto delta = channel.Next(absl::InfinitePast())) {
      GenerateDelta& all = choices.at(static_cast<size_t>(delta->choice));
      EXPECT_FALSE(all.finished) << "a delta after the last one";
      EXPECT_TRUE(IsValidUtf8(delta->text));
      EXPECT_TRUE(delta->finished || !delta->text.empty());
      all.text += delta->text;
      all.token_ids.insert(all.token_ids.end(), delta->token_ids.begin(), delta->token_ids.end());
      all.finished = delta->finished;
      all.finish_reason = delta->finish_reason;
      all.error = delta->error;
      all.usage = delta->usage;
    }
    return choices;
  }
  static GenerateDelta Collect(StreamChannel& channel) { return CollectChoices(channel, 1)[0]; }

  /// `answer` to choice `choice` is what a request for it alone gets.
  void ExpectReference(GenerateRequest request, const GenerateDelta& answer,
                       int32_t choice = 0) const {
    request.sampling.seed = ChoiceSeed(request.sampling.seed, choice);
    const Generated expected = ReferenceGenerate(request, decoder_->memory);
    EXPECT_TRUE(answer.finished);
    EXPECT_EQ(answer.token_ids, expected.tokens);
    EXPECT_EQ(answer.text, expected.text);
    EXPECT_EQ(answer.finish_reason, expected.reason);
    EXPECT_EQ(answer.usage.prompt_tokens,
              choice == 0 ? static_cast<int32_t>(request.prompt_tokens.size()) : 0);
    EXPECT_EQ(answer.usage.completion_tokens, static_cast<int32_t>(expected.tokens.size()));
  }
  void ExpectReferences(const GenerateRequest& request, StreamChannel& channel) const {
    const auto answers = CollectChoices(channel, request.n);
    for (int32_t k = 0; k < request.n; ++k) {
      ExpectReference(request, answers[static_cast<size_t>(k)], k);
    }
  }

  const std::shared_ptr<FakeClock> clock_ =
      std::make_shared<FakeClock>(absl::FromUnixSeconds(1000));
  std::shared_ptr<FakeDecoder> decoder_;
  std::optional<EngineCore> core_;
};

EngineOptions Options(int32_t kv_blocks, int32_t max_running = 8, int32_t max_batch_tokens = 64) {
  EngineOptions options;
  options.kv_blocks = kv_blocks;
  options.max_running = max_running;
  options.max_batch_tokens = max_batch_tokens;
  return options;
}

std::shared_ptr<const Constraint> SomeConstraint(uint32_t which) {
  static const auto& compiler = *new auto(ConstraintCompiler::Create(FakeTokenizer()));
  static const char* const kPatterns[] = {"([a-z]|中|文)*", "[a-h]{3,20}X?(中文)?",
                                          "(aa|ccc|中)+z"};
  return *compiler->Compile({ConstraintSpec::Kind::kRegex, kPatterns[which % 3], {}});
}

GenerateRequest RandomRequest(std::mt19937& random, bool shares) {
  GenerateRequest request;
  const uint32_t flavour = random() % 3;  // few beginnings: prefixes are shared
  for (uint32_t i = 0, size = 1 + random() % 50; i < size; ++i) {
    request.prompt_tokens.push_back(
        static_cast<int32_t>(i < 24 ? (flavour * 5 + i) % 64 : random() % 64));
  }
  request.sampling.max_tokens = static_cast<int32_t>(1 + random() % 40);
  if (random() % 2 == 0) {
    request.sampling.temperature = 1.0f;
    request.sampling.seed = random();
    request.sampling.top_p = random() % 2 == 0 ? 1.0f : 0.9f;
    request.sampling.top_k = random() % 2 == 0 ? 0 : 20;
  }
  if (random() % 4 == 0) {
    request.sampling.frequency_penalty = 0.5f;
    request.sampling.repetition_penalty = 1.2f;
    request.sampling.logit_bias = {{3, -100.0f}, {7, 1.5f}};
    request.sampling.min_p = random() % 2 == 0 ? 0.0f : 0.05f;
  }
  if (random() % 4 == 0) request.constraint = SomeConstraint(random());
  if (random() % 3 == 0) request.sampling.stop = {"中", "cc", "k"};
  if (shares && random() % 3 != 0) request.cache_namespace = random() % 2 == 0 ? "a" : "b";
  if (random() % 4 == 0) request.n = static_cast<int32_t>(2 + random() % 3);
  request.tenant = request.cache_namespace;
  request.priority = static_cast<int32_t>(random() % 3) - 1;
  return request;
}

// The promise of the whole engine: alone, batched, chunked, preempted and with prefix hits, a
// request gets the same tokens.
TEST_F(EngineCoreTest, TokensDoNotDependOnWhatElseRuns) {
  struct Setting {
    int32_t kv_blocks, max_running, max_batch_tokens;
    bool shares;
  };
  const Setting settings[] = {
      {1000, 1, 1000, false},   // alone
      {1000, 16, 1000, false},  // batched
      {1000, 16, 16, false},    // chunked
      {23, 8, 16, false},       // preempted: one request may need 23 blocks
      {1000, 8, 64, true},      // prefix hits
      {23, 8, 8, true},         // all of it at once
  };
  int64_t preemptions = 0;
  int64_t cached = 0;
  for (const Setting& setting : settings) {
    Start(Options(setting.kv_blocks, setting.max_running, setting.max_batch_tokens));
    std::mt19937 random(42);
    std::vector<std::pair<GenerateRequest, std::shared_ptr<StreamChannel>>> all;
    for (int i = 0; i < 150; ++i) {
      const GenerateRequest request = RandomRequest(random, setting.shares);
      all.emplace_back(request, Add(request));
      if (i % 3 == 0) core_->Step();
    }
    RunToEnd();
    for (auto& [request, channel] : all) ExpectReferences(request, *channel);
    EXPECT_LE(decoder_->largest_batch_tokens, setting.max_batch_tokens);
    EXPECT_LE(decoder_->largest_batch_sequences, setting.max_running);
    EXPECT_EQ(core_->stats().free_blocks, setting.kv_blocks);
    preemptions += core_->stats().preemptions;
    cached += core_->stats().cached_tokens;
  }
  EXPECT_GT(preemptions, 20);
  EXPECT_GT(cached, 500);
}

// The form a position takes shows in the cache: a request may only take up blocks whose positions
// have the form that it would give them itself.
TEST_F(EngineCoreTest, ExpandedPromptsGetTheSameTokensWithPrefixHits) {
  struct Setting {
    int32_t kv_blocks, max_running, max_batch_tokens;
    bool shares;
  };
  const Setting settings[] = {{1000, 1, 1000, false}, {1000, 8, 64, true}, {23, 8, 8, true}};
  std::vector<std::vector<int32_t>> alone;
  for (const Setting& setting : settings) {
    EngineOptions options =
        Options(setting.kv_blocks, setting.max_running, setting.max_batch_tokens);
    options.expanded_prefill = 8;
    Start(options);
    std::mt19937 random(44);
    std::vector<std::pair<std::shared_ptr<StreamChannel>, int32_t>> all;
    for (int i = 0; i < 150; ++i) {
      GenerateRequest request = RandomRequest(random, /*shares=*/true);
      if (!setting.shares) request.cache_namespace.clear();
      all.emplace_back(Add(request), request.n);
      if (i % 3 == 0) core_->Step();
    }
    RunToEnd();
    std::vector<std::vector<int32_t>> tokens;
    for (auto& [channel, n] : all) {
      for (const auto& answer : CollectChoices(*channel, n)) tokens.push_back(answer.token_ids);
    }
    if (setting.shares) {
      EXPECT_EQ(tokens, alone);
      EXPECT_GT(core_->stats().cached_tokens, 200);
    } else {
      alone = std::move(tokens);
    }
  }
}

// A draft that holds saves forward passes and nothing else; one that does not is as if never made.
TEST_F(EngineCoreTest, DraftsDoNotChangeTokens) {
  struct Setting {
    int32_t kv_blocks, max_running, max_batch_tokens, speculation_rows;
  };
  const Setting settings[] = {
      {1000, 1, 1000, 0}, {1000, 1, 1000, 8}, {1000, 8, 64, 64}, {23, 8, 16, 5}};
  for (const Setting& setting : settings) {
    EngineOptions options =
        Options(setting.kv_blocks, setting.max_running, setting.max_batch_tokens);
    options.speculation_rows = setting.speculation_rows;
    Start(options);
    decoder_->memory = 2;
    std::mt19937 random(43);
    std::vector<std::pair<GenerateRequest, std::shared_ptr<StreamChannel>>> all;
    for (int i = 0; i < 150; ++i) {
      const GenerateRequest request = RandomRequest(random, /*shares=*/true);
      all.emplace_back(request, Add(request));
      if (i % 3 == 0) core_->Step();
    }
    RunToEnd();
    for (auto& [request, channel] : all) ExpectReferences(request, *channel);
    const EngineStats stats = core_->stats();
    EXPECT_LE(decoder_->largest_batch_tokens, setting.max_batch_tokens);
    EXPECT_EQ(stats.free_blocks, setting.kv_blocks);
    EXPECT_EQ(stats.drafted_tokens > 0, setting.speculation_rows > 0);
    EXPECT_LE(stats.accepted_tokens, stats.drafted_tokens);
    EXPECT_EQ(stats.accepted_tokens > 0, setting.speculation_rows > 0);
  }
}

TEST_F(EngineCoreTest, DraftsThatHoldSaveForwardPasses) {
  Start(Options(100));
  decoder_->memory = 1;  // greedy, it runs in a circle
  GenerateRequest request;
  request.prompt_tokens = {9};
  request.sampling.max_tokens = 200;
  auto channel = Add(request);
  RunToEnd();
  const GenerateDelta answer = Collect(*channel);
  ExpectReference(request, answer);
  ASSERT_EQ(answer.usage.completion_tokens, 200);
  EXPECT_LT(decoder_->forwards, 80);
  EXPECT_EQ(decoder_->forwards + core_->stats().accepted_tokens, 200);
}

TEST_F(EngineCoreTest, CachedTokensAreCountedAndNotRun) {
  Start(Options(100));
  GenerateRequest request;
  for (int32_t i = 0; i < 17; ++i) request.prompt_tokens.push_back(i);
  request.sampling.max_tokens = 1;
  request.cache_namespace = "tenant";
  auto cold = Add(request);
  RunToEnd();
  EXPECT_EQ(Collect(*cold).usage.cached_tokens, 0);
  const int64_t before = decoder_->tokens_run;
  auto warm = Add(request);
  RunToEnd();
  EXPECT_EQ(Collect(*warm).usage.cached_tokens, 16);
  EXPECT_EQ(decoder_->tokens_run - before, 1);
  request.cache_namespace = "another tenant";
  auto stranger = Add(request);
  RunToEnd();
  EXPECT_EQ(Collect(*stranger).usage.cached_tokens, 0);
  request.cache_namespace = "";
  for (int i = 0; i < 2; ++i) {
    auto nobody = Add(request);
    RunToEnd();
    EXPECT_EQ(Collect(*nobody).usage.cached_tokens, 0);
  }
}

GenerateRequest ManyChoices(int32_t n, int32_t num_prompt, int32_t max_tokens) {
  GenerateRequest request;
  for (int32_t i = 0; i < num_prompt; ++i) request.prompt_tokens.push_back(2 + i);
  request.sampling.max_tokens = max_tokens;
  request.sampling.temperature = 1.0f;
  request.n = n;
  return request;
}

// Choices share the prompt's full blocks, with a cache namespace or without; what is left of it
// each of them runs again.
TEST_F(EngineCoreTest, TheChoicesOfARequestRunItsPromptOnce) {
  for (const char* cache_namespace : {"", "tenant"}) {
    Start(Options(100));
    GenerateRequest request = ManyChoices(4, 19, 1);
    request.cache_namespace = cache_namespace;
    auto channel = Add(request);
    RunToEnd();
    ExpectReferences(request, *channel);
    EXPECT_EQ(decoder_->tokens_run, 19 + 3 * 3);
    EXPECT_EQ(core_->stats().prompt_tokens, 19);
    EXPECT_EQ(core_->stats().cached_tokens, 0);
    EXPECT_EQ(core_->stats().free_blocks, 100);

    request.sampling.max_tokens = 3;
    request.sampling.logit_bias = {{kEndToken, -100.0f}};
    channel = Add(request);
    core_->Step();
    EXPECT_EQ(core_->stats().free_blocks, 100 - 5);
    core_->Step();
    EXPECT_EQ(core_->stats().running, 4);
    EXPECT_EQ(core_->stats().free_blocks, 100 - 4 - 4);  // four shared, and each its last one
    RunToEnd();
    ExpectReferences(request, *channel);
    // What had no namespace is found by nobody later.
    EXPECT_EQ(core_->stats().cached_tokens, request.cache_namespace.empty() ? 0 : 16);
  }
}

TEST_F(EngineCoreTest, WhereTheFirstChoiceLeavesTheNextRunsThePrompt) {
  Start(Options(100, /*max_running=*/8, /*max_batch_tokens=*/8));
  const GenerateRequest request = ManyChoices(3, 30, 5);
  auto channel = Add(request);
  core_->Step();
  channel->Cancel(0);
  core_->Step();
  EXPECT_EQ(core_->stats().running, 1);
  RunToEnd();
  auto answers = CollectChoices(*channel, 3);
  EXPECT_EQ(answers[0].finish_reason, FinishReason::kCancelled);
  for (int32_t k = 1; k < 3; ++k) ExpectReference(request, answers[static_cast<size_t>(k)], k);
  EXPECT_EQ(core_->stats().free_blocks, 100);

  // The same with a forward pass that fails.
  channel = Add(request);
  decoder_->before_forward = [](absl::Span<const SequenceSlice>) {
    return Internal("injected fault");
  };
  core_->Step();
  decoder_->before_forward = nullptr;
  RunToEnd();
  answers = CollectChoices(*channel, 3);
  EXPECT_STATUS(answers[0].error, kInternal, "injected fault");
  for (int32_t k = 1; k < 3; ++k) ExpectReference(request, answers[static_cast<size_t>(k)], k);
}

TEST_F(EngineCoreTest, ChoicesEndOnTheirOwn) {
  Start(Options(100));
  GenerateRequest request = ManyChoices(3, 9, 200);
  request.sampling.logit_bias = {{kEndToken, -100.0f}};  // long answers
  auto channel = Add(request);
  for (int i = 0; i < 5; ++i) core_->Step();
  EXPECT_EQ(core_->stats().running, 3);
  channel->Cancel(1);
  core_->Step();
  EXPECT_EQ(core_->stats().running, 2);
  channel->Cancel();
  EXPECT_FALSE(core_->Step());
  for (const GenerateDelta& answer : CollectChoices(*channel, 3)) {
    EXPECT_EQ(answer.finish_reason, FinishReason::kCancelled);
  }
  // All of them, also those that wait for the prompt, at a deadline and when the engine ends.
  request.deadline = clock_->Now() + absl::Seconds(1);
  channel = Add(request);
  clock_->Advance(absl::Seconds(1));
  EXPECT_FALSE(core_->Step());
  for (const GenerateDelta& answer : CollectChoices(*channel, 3)) {
    EXPECT_STATUS(answer.error, kDeadlineExceeded, "deadline passed");
  }
  request.deadline = absl::InfiniteFuture();
  channel = Add(request);
  core_->FailAll(Unavailable("going down"));
  for (const GenerateDelta& answer : CollectChoices(*channel, 3)) {
    EXPECT_STATUS(answer.error, kUnavailable, "going down");
  }
  EXPECT_EQ(core_->stats().free_blocks, 100);
}

TEST_F(EngineCoreTest, ACancelledSequenceLeavesAtTheNextStep) {
  Start(Options(100));
  GenerateRequest request;
  request.prompt_tokens = {5, 6, 7, 8, 9};
  request.sampling.max_tokens = 300;
  auto cancelled = Add(request);
  core_->Step();
  EXPECT_LT(core_->stats().free_blocks, 100);
  cancelled->Cancel();
  EXPECT_FALSE(core_->Step());
  EXPECT_EQ(core_->stats().free_blocks, 100);
  const GenerateDelta last = Collect(*cancelled);
  EXPECT_EQ(last.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(last.usage.completion_tokens, 1);
}

TEST_F(EngineCoreTest, ADeadlineEndsRunningAndWaitingSequences) {
  Start(Options(100, /*max_running=*/1));
  GenerateRequest request;
  request.prompt_tokens = {5, 6, 7};
  request.sampling.max_tokens = 300;
  request.deadline = clock_->Now() + absl::Seconds(5);
  auto running = Add(request);
  auto waiting = Add(request);
  EXPECT_TRUE(core_->Step());
  clock_->Advance(absl::Seconds(5));
  EXPECT_FALSE(core_->Step());
  EXPECT_EQ(core_->stats().free_blocks, 100);
  for (auto& channel : {running, waiting}) {
    const GenerateDelta last = Collect(*channel);
    EXPECT_EQ(last.finish_reason, FinishReason::kError);
    EXPECT_STATUS(last.error, kDeadlineExceeded, "deadline passed");
  }
}

TEST_F(EngineCoreTest, AFailingDecoderEndsItsBatchOnly) {
  Start(Options(100, /*max_running=*/2));
  GenerateRequest request;
  request.prompt_tokens = {5, 6, 7, 8, 9};
  request.sampling.max_tokens = 20;
  request.cache_namespace = "tenant";
  auto first = Add(request);
  auto second = Add(request);
  auto third = Add(request);
  decoder_->before_forward = [](absl::Span<const SequenceSlice>) {
    return Internal("injected fault");
  };
  EXPECT_TRUE(core_->Step());
  decoder_->before_forward = nullptr;
  for (auto& channel : {first, second}) {
    const GenerateDelta last = Collect(*channel);
    EXPECT_EQ(last.finish_reason, FinishReason::kError);
    EXPECT_STATUS(last.error, kInternal, "injected fault");
  }
  RunToEnd();
  const GenerateDelta last = Collect(*third);
  ExpectReference(request, last);
  EXPECT_EQ(last.usage.cached_tokens, 0);  // nothing of the failed batch was kept
  EXPECT_EQ(core_->stats().free_blocks, 100);
}

TEST_F(EngineCoreTest, AReaderThatLagsTooFarIsCutOff) {
  Start(Options(100));
  GenerateRequest request;
  request.prompt_tokens = {5, 6, 7};
  request.sampling.max_tokens = 200;
  std::shared_ptr<StreamChannel> slow;
  Generated expected;
  do {  // a prompt with a long answer
    ++request.prompt_tokens[0];
    expected = ReferenceGenerate(request);
  } while (expected.tokens.size() < 30);
  slow = Add(request, /*capacity=*/3);
  RunToEnd();
  const GenerateDelta last = Collect(*slow);
  EXPECT_EQ(last.finish_reason, FinishReason::kError);
  EXPECT_STATUS(last.error, kResourceExhausted, "keep up");
  EXPECT_EQ(core_->stats().free_blocks, 100);
}

TEST_F(EngineCoreTest, FailAllEndsEverybody) {
  Start(Options(100, /*max_running=*/1));
  GenerateRequest request;
  request.prompt_tokens = {5};
  auto running = Add(request);
  auto waiting = Add(request);
  core_->Step();
  core_->FailAll(Unavailable("going down"));
  for (auto& channel : {running, waiting}) {
    EXPECT_STATUS(Collect(*channel).error, kUnavailable, "going down");
  }
  EXPECT_EQ(core_->stats().free_blocks, 100);
  EXPECT_FALSE(core_->Step());
}

}  // namespace
}  // namespace hadal::inference
