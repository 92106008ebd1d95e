// A seeded mix of 500 requests over real small decoders: alone, batched, in chunks, preempted, with
// prefix hits, with speculation, on one and two threads, the same tokens, every time. Skips without
// the reference data.
#include <iostream>
#include <random>

#include "inference/constraint.h"
#include "inference/engine/drafter.h"
#include "inference/engine/engine_core.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/weights/checkpoint.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int kRequests = 500;
constexpr int32_t kMaxPrompt = 60;
constexpr int32_t kMaxTokens = 24;
constexpr int32_t kMaxChoiceCount = 3;

struct Setting {
  const char* name;
  int32_t threads;
  bool namespaces;  ///< of the requests; without them no request finds another's blocks
  int32_t kv_blocks;
  int32_t max_running;
  int32_t max_batch_tokens;
  int32_t speculation_rows;
  int arrivals;  ///< requests a step; 0: the next one comes when the last one has ended
  /// A draft model guesses, which is the model itself; else its prediction layer, if it has one.
  bool draft_model = false;
  KvDtype kv_dtype = KvDtype::kF16;
};

constexpr Setting kAlone = {"alone", 1, false, 200, 1, 512, 0, 0};
// A request of 60 + 24 tokens needs 21 blocks of 4.
constexpr Setting kSettings[] = {
    {"alone again, two threads", 2, false, 200, 1, 512, 0, 0},
    {"batched", 1, false, 1000, 16, 512, 0, 3},
    {"batched, two threads", 2, false, 1000, 32, 512, 0, 8},
    {"chunks of 8", 2, false, 1000, 8, 8, 0, 2},
    {"chunks of 13", 1, false, 1000, 5, 13, 0, 1},
    {"preempted", 2, false, 25, 16, 64, 0, 5},
    {"prefix hits", 1, true, 3000, 16, 64, 0, 2},
    {"speculation alone", 2, false, 200, 1, 512, 8, 0},
    {"speculation batched", 1, false, 1000, 8, 128, 64, 2},
    {"speculation by a draft model", 1, true, 400, 8, 64, 32, 2, true},
    {"all at once", 2, true, 30, 8, 24, 24, 5},
};

/// One choice as its reader got it.
struct Answer {
  std::vector<int32_t> tokens;
  std::string text;
  std::vector<float> logprobs;
  FinishReason reason = FinishReason::kError;

  bool operator==(const Answer&) const = default;
};

class Determinism : public GoldenTest {
 protected:
  void SetUp() override {
    GoldenTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const int32_t vocabulary = checkpoint_->config().vocabulary;
    tokenizer_ = std::make_shared<testing::FakeTokenizer>(vocabulary);
    const auto compiler = ConstraintCompiler::Create(*tokenizer_);
    for (const char* pattern : {"[a-m]{4,40}", "([a-z]|中)*", "([ac]+|[e-k]+)(Y(ce|ca))*y"}) {
      ASSERT_OK_AND_ASSIGN(auto constraint,
                           compiler->Compile({ConstraintSpec::Kind::kRegex, pattern, {}}));
      constraints_.push_back(std::move(constraint));
    }
    std::mt19937 random(20261122);
    for (int i = 0; i < kRequests; ++i) requests_.push_back(RandomRequest(random));
  }

  GenerateRequest RandomRequest(std::mt19937& random) const {
    const auto one_in = [&random](uint32_t n) { return random() % n == 0; };
    const auto token = [&] {
      return static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer_->vocabulary_size()));
    };
    GenerateRequest request;
    const uint32_t beginning = random() % 4;  // few: prefixes are shared
    const size_t size = 1 + random() % kMaxPrompt;
    for (size_t i = 0; i < size; ++i) {
      request.prompt_tokens.push_back(
          i < 24 ? static_cast<int32_t>((beginning * 131 + i * 37) % 500) : token());
    }
    SamplingParams& sampling = request.sampling;
    sampling.max_tokens = static_cast<int32_t>(1 + random() % kMaxTokens);
    if (one_in(2)) {
      sampling.temperature = one_in(2) ? 0.7f : 1.0f;
      sampling.seed = random();
      sampling.top_p = one_in(2) ? 1.0f : 0.9f;
      sampling.top_k = one_in(3) ? 20 : 0;
      sampling.min_p = one_in(4) ? 0.02f : 0.0f;
    }
    if (one_in(4)) {
      sampling.repetition_penalty = 1.2f;
      sampling.presence_penalty = 0.3f;
      sampling.frequency_penalty = 0.5f;
      sampling.logit_bias = {{3, -100.0f}, {7, 1.5f}};
    }
    // Few words to choose from: what they say repeats itself, and drafts hold.
    if (one_in(4)) sampling.logit_bias = {{30, 20.0f}, {31, 20.0f}, {32, 20.0f}};
    if (one_in(4)) request.constraint = constraints_[random() % constraints_.size()];
    if (one_in(4)) sampling.stop = {"a", "中", "qu"};
    if (one_in(4)) sampling.top_logprobs = static_cast<int32_t>(random() % 3);
    if (one_in(5)) request.n = static_cast<int32_t>(2 + random() % (kMaxChoiceCount - 1));
    request.tenant = one_in(2) ? "a" : "b";
    request.priority = static_cast<int32_t>(random() % 3) - 1;
    if (!one_in(4)) request.cache_namespace = request.tenant;
    return request;
  }

  static void Read(StreamChannel& channel, std::vector<Answer>& answers) {
    while (const auto delta = channel.Next(absl::InfinitePast())) {
      Answer& answer = answers.at(static_cast<size_t>(delta->choice));
      answer.tokens.insert(answer.tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
      answer.text += delta->text;
      for (const TokenLogprobs& of : delta->logprobs) {
        answer.logprobs.push_back(of.logprob);
        for (const auto& other : of.top) answer.logprobs.push_back(other.logprob);
      }
      answer.reason = delta->finish_reason;
      EXPECT_OK(delta->error);
    }
  }

  /// The answers to every request, choice by choice.
  void Run(const Setting& setting, std::vector<std::vector<Answer>>& answers, EngineStats& stats) {
    EngineOptions options;
    options.max_running = setting.max_running;
    options.max_batch_tokens = setting.max_batch_tokens;
    options.speculation_rows = setting.speculation_rows;
    options.kv_dtype = setting.kv_dtype;
    if (setting.draft_model) options.draft = checkpoint_->path();
    const auto pool = std::make_shared<ThreadPool>(setting.threads);
    ASSERT_OK_AND_ASSIGN(
        std::shared_ptr<Decoder> decoder,
        LoadDecoder(*checkpoint_, DecoderOptionsFor(*checkpoint_, options), pool));
    ASSERT_OK_AND_ASSIGN(std::shared_ptr<KvCache> cache,
                         KvCache::Create(decoder->kv_layout(), setting.kv_blocks, 4));
    std::unique_ptr<Drafter> drafter;
    if (setting.draft_model) {
      ASSERT_OK_AND_ASSIGN(
          std::shared_ptr<Decoder> draft,
          LoadDecoder(*checkpoint_, DecoderOptionsFor(*checkpoint_, options), pool));
      ASSERT_OK_AND_ASSIGN(auto draft_cache,
                           KvCache::Create(draft->kv_layout(), setting.kv_blocks, 4));
      drafter = MakeModelDrafter(std::move(draft), std::move(draft_cache));
    } else if (decoder->can_draft()) {
      drafter = MakePredictionLayerDrafter(decoder, cache);
    }
    EngineCore core(options, decoder, std::move(cache), std::move(drafter), tokenizer_,
                    std::make_shared<SystemClock>());
    answers.clear();
    std::vector<std::shared_ptr<StreamChannel>> channels;
    for (size_t i = 0; i < requests_.size(); ++i) {
      GenerateRequest request = requests_[i];
      if (!setting.namespaces) request.cache_namespace.clear();
      channels.push_back(std::make_shared<StreamChannel>(1000, request.n));
      answers.emplace_back(static_cast<size_t>(request.n));
      core.Add(std::make_unique<Sequence>(request, channels.back()));
      if (setting.arrivals == 0) {
        while (core.Step()) {
        }
      } else if (i % static_cast<size_t>(setting.arrivals) == 0) {
        core.Step();
      }
    }
    while (core.Step()) {
    }
    for (size_t i = 0; i < channels.size(); ++i) Read(*channels[i], answers[i]);
    stats = core.stats();
    EXPECT_EQ(stats.free_blocks, stats.total_blocks) << setting.name;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::shared_ptr<const Constraint>> constraints_;
  std::vector<GenerateRequest> requests_;
};

TEST_P(Determinism, TheSameTokensEveryTime) {
  std::vector<std::vector<Answer>> expected;
  EngineStats stats;
  Run(kAlone, expected, stats);
  int64_t tokens = 0;
  for (const auto& choices : expected) {
    for (const Answer& answer : choices) {
      EXPECT_NE(answer.reason, FinishReason::kError);
      tokens += static_cast<int64_t>(answer.tokens.size());
    }
  }
  EXPECT_GT(tokens, 10 * kRequests / 2);
  std::cout << GetParam() << ": " << kRequests << " requests, " << tokens << " tokens alone\n";
  int64_t preemptions = 0;
  int64_t cached = 0;
  int64_t accepted = 0;
  for (const Setting& setting : kSettings) {
    std::vector<std::vector<Answer>> answers;
    Run(setting, answers, stats);
    int different = 0;
    for (size_t i = 0; i < expected.size(); ++i) different += answers[i] != expected[i];
    EXPECT_EQ(different, 0) << setting.name;
    std::cout << "  " << setting.name << ": " << different << " differ, " << stats.preemptions
              << " preemptions, " << stats.cached_tokens << " tokens cached, "
              << stats.accepted_tokens << " of " << stats.drafted_tokens << " drafted held\n";
    preemptions += stats.preemptions;
    cached += stats.cached_tokens;
    accepted += stats.accepted_tokens;
  }
  EXPECT_GT(preemptions, 100);
  EXPECT_GT(cached, 1000);
  EXPECT_GT(accepted, 50);
}

TEST_P(Determinism, WithEveryTypeOfTheCache) {
  for (const KvDtype dtype : {KvDtype::kF32, KvDtype::kBF16, KvDtype::kI8}) {
    Setting alone = kAlone;
    Setting all_at_once = kSettings[std::size(kSettings) - 1];
    alone.kv_dtype = all_at_once.kv_dtype = dtype;
    std::vector<std::vector<Answer>> expected, answers;
    EngineStats stats;
    Run(alone, expected, stats);
    Run(all_at_once, answers, stats);
    EXPECT_TRUE(answers == expected) << KvDtypeName(dtype);
    EXPECT_GT(stats.preemptions, 0) << KvDtypeName(dtype);
    EXPECT_GT(stats.cached_tokens, 0) << KvDtypeName(dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Determinism,
                         ::testing::Values("qwen2-tiny-tied", "deepseek_v3-tiny"),
                         GoldenTestName);

}  // namespace
}  // namespace hadal::inference
