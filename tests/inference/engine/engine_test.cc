#include "inference/engine.h"

#include <algorithm>
#include <random>
#include <thread>

#include "inference/engine/mailbox.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::FakeDecoder;
using testing::FakeTokenizer;
using testing::ReferenceGenerate;

EngineOptions SmallOptions() {
  EngineOptions options;
  options.kv_blocks = 40;
  options.block_size = 4;
  options.max_running = 8;
  options.max_batch_tokens = 32;
  return options;
}

GenerateRequest Request(std::vector<int32_t> prompt, int32_t max_tokens) {
  GenerateRequest request;
  request.prompt_tokens = std::move(prompt);
  request.sampling.max_tokens = max_tokens;
  return request;
}

GenerateDelta ReadAll(GenerationStream& stream) {
  GenerateDelta all;
  while (auto delta = stream.Next()) {
    all.text += delta->text;
    all.token_ids.insert(all.token_ids.end(), delta->token_ids.begin(), delta->token_ids.end());
    all.finished = delta->finished;
    all.finish_reason = delta->finish_reason;
    all.error = delta->error;
    all.usage = delta->usage;
  }
  return all;
}

void WaitUntilIdle(const Engine& engine) {
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (absl::Now() < give_up) {
    const EngineStats stats = engine.Stats();
    if (stats.running == 0 && stats.waiting == 0) return;
    absl::SleepFor(absl::Milliseconds(2));
  }
  FAIL() << "the engine did not become idle";
}

class EngineTest : public ::testing::Test {
 protected:
  void Start(const EngineOptions& options) {
    ASSERT_OK_AND_ASSIGN(engine_, Engine::Create(options, decoder_, tokenizer_));
  }
  const std::shared_ptr<FakeDecoder> decoder_ = std::make_shared<FakeDecoder>(512);
  const std::shared_ptr<FakeTokenizer> tokenizer_ = std::make_shared<FakeTokenizer>();
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, RefusesOptionsOutOfRange) {
  const auto expect_refused = [this](const char* name, auto change) {
    EngineOptions options = SmallOptions();
    change(options);
    EXPECT_STATUS(Engine::Create(options, decoder_, tokenizer_), kInvalidArgument, name);
  };
  expect_refused("block_size", [](auto& o) { o.block_size = 0; });
  expect_refused("max_running", [](auto& o) { o.max_running = 0; });
  expect_refused("max_waiting", [](auto& o) { o.max_waiting = 0; });
  expect_refused("max_batch_tokens", [](auto& o) { o.max_batch_tokens = o.max_running - 1; });
  expect_refused("aging_steps", [](auto& o) { o.aging_steps = 0; });
  expect_refused("expanded_prefill", [](auto& o) { o.expanded_prefill = 6; });  // blocks of 4
  expect_refused("stream_capacity", [](auto& o) { o.stream_capacity = 0; });
  expect_refused("kv_blocks", [](auto& o) { o.kv_blocks = -1; });
  expect_refused("kv_cache_bytes", [](auto& o) { o.kv_blocks = 0, o.kv_cache_bytes = 31; });
}

TEST_F(EngineTest, SizesTheCacheFromBytes) {
  EngineOptions options = SmallOptions();
  options.kv_blocks = 0;
  options.kv_cache_bytes = 32 * 10 + 5;  // 4 tokens of 8 bytes a block
  Start(options);
  EXPECT_EQ(engine_->Stats().total_blocks, 10);
}

TEST_F(EngineTest, RefusesWhatCanNeverRun) {
  Start(SmallOptions());
  EXPECT_STATUS(engine_->Submit(Request({}, 1)), kInvalidArgument, "empty");
  EXPECT_STATUS(engine_->Submit(Request({3, 64}, 1)), kInvalidArgument, "prompt token 1 is 64");
  EXPECT_STATUS(engine_->Submit(Request({-1}, 1)), kInvalidArgument, "prompt token 0 is -1");
  EXPECT_STATUS(engine_->Submit(Request({3}, 0)), kInvalidArgument, "max_tokens");
  GenerateRequest too_important = Request({3}, 1);
  too_important.priority = kMaxPriority + 1;
  EXPECT_STATUS(engine_->Submit(too_important), kInvalidArgument, "priority is 4");
  GenerateRequest choices = Request({3}, 1);
  for (const int32_t n : {0, -1, 9, kMaxChoices + 1}) {  // max_running is 8
    choices.n = n;
    EXPECT_STATUS(engine_->Submit(choices), kInvalidArgument, "must be 1 to 8");
  }
  EXPECT_STATUS(engine_->Submit(Request({3}, 512)), kInvalidArgument, "context of 512");
  EXPECT_STATUS(engine_->Submit(Request(std::vector<int32_t>(150, 5), 12)), kResourceExhausted,
                "never fit the KV cache of 160 tokens");
  ASSERT_OK_AND_ASSIGN(auto just_fits, engine_->Submit(Request(std::vector<int32_t>(150, 5), 11)));
  EXPECT_OK(ReadAll(*just_fits).error);
}

TEST_F(EngineTest, RefusesWhenTheQueueIsFull) {
  EngineOptions options = SmallOptions();
  options.max_running = 1;
  options.max_waiting = 3;
  absl::Mutex gate;
  decoder_->before_forward = [&gate](absl::Span<const SequenceSlice>) {
    absl::MutexLock lock(&gate);
    return OkStatus();
  };
  Start(options);
  std::vector<std::unique_ptr<GenerationStream>> streams;
  {
    absl::MutexLock hold(&gate);
    Status refused;
    for (int i = 0; i < 10 && refused.ok(); ++i) {
      auto stream = engine_->Submit(Request({5, 6}, 3));
      if (stream.ok()) {
        streams.push_back(*std::move(stream));
      } else {
        refused = stream.status();
      }
    }
    EXPECT_STATUS(refused, kResourceExhausted, "max_waiting");
    EXPECT_GE(streams.size(), 3u);
    EXPECT_LE(streams.size(), 4u);
  }
  for (auto& stream : streams) EXPECT_TRUE(ReadAll(*stream).finished);
  WaitUntilIdle(*engine_);
  EXPECT_OK(engine_->Submit(Request({5, 6}, 3)));
}

TEST_F(EngineTest, NextGivesUpAtItsDeadlineAndCanBeCalledAgain) {
  absl::Mutex gate;
  decoder_->before_forward = [&gate](absl::Span<const SequenceSlice>) {
    absl::MutexLock lock(&gate);
    return OkStatus();
  };
  Start(SmallOptions());
  const GenerateRequest request = Request({5, 6, 7}, 5);
  std::unique_ptr<GenerationStream> stream;
  {
    absl::MutexLock hold(&gate);
    ASSERT_OK_AND_ASSIGN(stream, engine_->Submit(request));
    EXPECT_FALSE(stream->Next(absl::Now() + absl::Milliseconds(5)).has_value());
  }
  EXPECT_EQ(ReadAll(*stream).token_ids, ReferenceGenerate(request).tokens);
  EXPECT_FALSE(stream->Next().has_value());
}

TEST_F(EngineTest, StreamsOutliveTheEngine) {
  Start(SmallOptions());
  std::vector<std::unique_ptr<GenerationStream>> streams;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(auto stream, engine_->Submit(Request({5, 6, i}, 100)));
    streams.push_back(std::move(stream));
  }
  engine_.reset();
  for (auto& stream : streams) {
    const GenerateDelta all = ReadAll(*stream);
    EXPECT_TRUE(all.finished);
    if (all.finish_reason == FinishReason::kError) {
      EXPECT_STATUS(all.error, kUnavailable, "shutting down");
    }
  }
}

TEST_F(EngineTest, LivesOnAfterDecoderErrors) {
  std::atomic<int> count = 0;
  decoder_->before_forward = [&count](absl::Span<const SequenceSlice>) {
    return ++count % 7 == 0 ? Internal("injected fault") : OkStatus();
  };
  Start(SmallOptions());
  int failed = 0;
  int answered = 0;
  for (int i = 0; i < 60; ++i) {
    const GenerateRequest request = Request({5, 6, i}, 4);
    ASSERT_OK_AND_ASSIGN(auto stream, engine_->Submit(request));
    const GenerateDelta all = ReadAll(*stream);
    if (all.finish_reason == FinishReason::kError) {
      EXPECT_STATUS(all.error, kInternal, "injected fault");
      ++failed;
    } else {
      EXPECT_EQ(all.token_ids, ReferenceGenerate(request).tokens);
      ++answered;
    }
  }
  EXPECT_GT(failed, 5);
  EXPECT_GT(answered, 5);
  WaitUntilIdle(*engine_);
  EXPECT_EQ(engine_->Stats().free_blocks, engine_->Stats().total_blocks);
}

// 2,000 requests from 4 threads over 40 blocks, half of them cancelled or timed out somewhere on
// the way: every answer that ends by itself is right, and every block comes back.
TEST_F(EngineTest, AStormLeaksNothing) {
  EngineOptions options = SmallOptions();
  options.max_waiting = 64;
  Start(options);
  constexpr int kThreads = 4;
  constexpr int kRequestsPerThread = 500;
  std::atomic<int> answered = 0;
  std::atomic<int> cancelled = 0;
  const auto client = [&](uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::pair<GenerateRequest, std::unique_ptr<GenerationStream>>> open;
    const auto close_one = [&] {
      auto [request, stream] = std::move(open.front());
      open.erase(open.begin());
      const uint32_t fate = random() % 4;
      if (fate == 0) return;  // the reader just leaves
      if (fate == 1) {
        for (uint32_t i = random() % 4; i > 0; --i)
          stream->Next(absl::Now() + absl::Milliseconds(1));
        stream->Cancel();
      }
      const GenerateDelta all = ReadAll(*stream);
      EXPECT_TRUE(all.finished || fate == 1);  // its last delta may be read above
      if (!all.finished) return;
      if (all.finish_reason == FinishReason::kCancelled) {
        ++cancelled;
      } else if (all.finish_reason == FinishReason::kError) {
        EXPECT_STATUS(all.error, kDeadlineExceeded, "");
      } else if (fate != 1) {
        EXPECT_EQ(all.token_ids, ReferenceGenerate(request).tokens);
        EXPECT_EQ(all.text, ReferenceGenerate(request).text);
        ++answered;
      }
    };
    for (int i = 0; i < kRequestsPerThread; ++i) {
      GenerateRequest request;
      for (uint32_t j = 0, size = 1 + random() % 60; j < size; ++j) {
        request.prompt_tokens.push_back(static_cast<int32_t>(j < 20 ? j : random() % 64));
      }
      request.sampling.max_tokens = static_cast<int32_t>(1 + random() % 90);
      request.sampling.temperature = random() % 2 == 0 ? 0.0f : 0.8f;
      request.sampling.seed = random();
      if (random() % 2 == 0) request.cache_namespace = random() % 2 == 0 ? "a" : "b";
      request.tenant = random() % 2 == 0 ? "a" : "b";
      request.priority = static_cast<int32_t>(random() % 3) - 1;
      if (random() % 8 == 0) request.deadline = absl::Now() + absl::Microseconds(random() % 2000);
      auto stream = engine_->Submit(request);
      if (stream.ok()) {
        open.emplace_back(std::move(request), *std::move(stream));
      } else {
        EXPECT_STATUS(stream.status(), kResourceExhausted, "max_waiting");
      }
      while (open.size() > 10) close_one();
    }
    while (!open.empty()) close_one();
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back(client, i + 1);
  for (std::thread& thread : threads) thread.join();
  WaitUntilIdle(*engine_);
  const EngineStats stats = engine_->Stats();
  EXPECT_EQ(stats.free_blocks, stats.total_blocks);
  EXPECT_GT(answered, 100);
  EXPECT_GT(cancelled, 5);
  EXPECT_GT(stats.preemptions, 0);
  EXPECT_GT(stats.cached_tokens, 0);
}

TEST(Mailbox, BoundsWhatIsPostedTogetherWithTheBacklog) {
  const auto sequence = [] {
    return std::make_unique<Sequence>(GenerateRequest(), std::make_shared<StreamChannel>(1));
  };
  Mailbox mailbox(3);
  EXPECT_OK(mailbox.Post(sequence()));
  EXPECT_OK(mailbox.Post(sequence()));
  std::vector<std::unique_ptr<Sequence>> posted;
  EXPECT_TRUE(mailbox.Take(/*wait=*/true, posted));
  EXPECT_EQ(posted.size(), 2u);
  EXPECT_OK(mailbox.Post(sequence()));
  EXPECT_STATUS(mailbox.Post(sequence()), kResourceExhausted, "3 requests wait");
  mailbox.SetBacklog(0);
  EXPECT_OK(mailbox.Post(sequence()));
  EXPECT_EQ(mailbox.num_posted(), 2);
  EXPECT_EQ(mailbox.Close().size(), 2u);
  EXPECT_STATUS(mailbox.Post(sequence()), kUnavailable, "shutting down");
  EXPECT_FALSE(mailbox.Take(/*wait=*/true, posted));
}

}  // namespace
}  // namespace hadal::inference
