// 2,000 requests arrive at random over KV memory for a few of them, half are cancelled at random
// points, the decoder fails now and then: nothing leaks, nobody starves, everyone gets an answer
// that is right or an error that says why.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "inference/engine/drafter.h"
#include "inference/engine/engine_core.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::FakeDecoder;
using testing::FakeTokenizer;
using testing::Generated;
using testing::ReferenceGenerate;

constexpr int kRequests = 2000;
constexpr int32_t kBlocks = 24;  // the longest request needs 18
constexpr int32_t kMaxWaiting = 64;
constexpr int32_t kMaxPrompt = 40;
constexpr int32_t kMaxTokens = 32;
constexpr int32_t kBatchTokens = 16;
constexpr int32_t kAgingSteps = 64;

GenerateRequest RandomRequest(std::mt19937& random) {
  GenerateRequest request;
  const uint32_t beginning = random() % 3;  // few: prefixes are shared
  for (uint32_t i = 0, size = 1 + random() % kMaxPrompt; i < size; ++i) {
    request.prompt_tokens.push_back(
        static_cast<int32_t>(i < 20 ? (beginning * 7 + i) % 64 : random() % 64));
  }
  request.sampling.max_tokens = static_cast<int32_t>(1 + random() % kMaxTokens);
  request.sampling.temperature = random() % 2 == 0 ? 0.0f : 1.0f;
  request.sampling.seed = random();
  if (random() % 4 == 0) request.sampling.stop = {"中", "k"};
  if (random() % 5 == 0) request.n = static_cast<int32_t>(2 + random() % 3);
  request.tenant = std::string(1, static_cast<char>('a' + random() % 5));
  request.priority = static_cast<int32_t>(random() % (2 * kMaxPriority + 1)) - kMaxPriority;
  if (random() % 3 != 0) request.cache_namespace = request.tenant;
  return request;
}

struct Client {
  GenerateRequest request;
  std::shared_ptr<StreamChannel> channel;
  int64_t arrived = 0;
  int32_t ahead = 0;                   ///< in its line when it came
  int64_t cancels_at = INT64_MAX;      ///< step
  std::vector<GenerateDelta> answers;  ///< of each choice, so far
  int32_t unfinished = 0;
  bool saw_something = false;
};

class StormTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.kv_blocks = kBlocks;
    options.block_size = 4;
    options.max_running = 8;
    options.max_batch_tokens = kBatchTokens;
    options.aging_steps = kAgingSteps;
    decoder_->before_forward = [this](absl::Span<const SequenceSlice>) {
      return random_() % 500 == 0 ? Internal("injected fault") : OkStatus();
    };
    decoder_->drafts = true;
    std::shared_ptr<KvCache> cache = testing::MakeKvCache(decoder_->kv_layout(), kBlocks, 4);
    core_.emplace(options, decoder_, cache, MakePredictionLayerDrafter(decoder_, cache),
                  std::make_shared<FakeTokenizer>(), clock_);
  }

  void Arrive() {
    Client client;
    client.request = RandomRequest(random_);
    if (random_() % 8 == 0) {
      client.request.deadline = clock_->Now() + absl::Seconds(random_() % 300);
    }
    if (random_() % 2 == 0) client.cancels_at = step_ + random_() % 300;
    client.arrived = step_;
    for (const Client& other : clients_) {
      client.ahead += !other.saw_something && other.request.tenant == client.request.tenant &&
                      other.request.priority == client.request.priority;
    }
    client.unfinished = client.request.n;
    client.answers.resize(static_cast<size_t>(client.request.n));
    const int32_t capacity = random_() % 20 == 0 ? 1 : 100;
    client.channel = std::make_shared<StreamChannel>(capacity, client.request.n);
    core_->Add(std::make_unique<Sequence>(client.request, client.channel));
    clients_.push_back(std::move(client));
  }

  /// What came for `client` in this step; true when all its choices have ended.
  bool Read(Client& client) {
    if ((step_ + client.arrived) % 8 != 0) return false;  // readers lag a little
    while (auto delta = client.channel->Next(absl::InfinitePast())) {
      client.saw_something = true;
      GenerateDelta& answer = client.answers.at(static_cast<size_t>(delta->choice));
      EXPECT_FALSE(answer.finished);
      answer.text += delta->text;
      answer.token_ids.insert(answer.token_ids.end(), delta->token_ids.begin(),
                              delta->token_ids.end());
      answer.finished = delta->finished;
      answer.finish_reason = delta->finish_reason;
      answer.error = delta->error;
      client.unfinished -= delta->finished ? 1 : 0;
    }
    return client.unfinished == 0;
  }

  void Check(const Client& client) {
    for (size_t k = 0; k < client.answers.size(); ++k) {
      const GenerateDelta& answer = client.answers[k];
      if (answer.finish_reason == FinishReason::kCancelled) {
        EXPECT_LT(client.cancels_at, INT64_MAX);
        ++endings_["cancelled"];
      } else if (answer.finish_reason == FinishReason::kError) {
        const std::string message = StatusMessage(answer.error);
        EXPECT_TRUE(message.find("deadline passed") != std::string::npos ||
                    message.find("keep up") != std::string::npos ||
                    message.find("injected fault") != std::string::npos)
            << message;
        ++endings_[message.substr(0, message.find(' ', 15))];
      } else {
        GenerateRequest alone = client.request;
        alone.sampling.seed = ChoiceSeed(alone.sampling.seed, static_cast<int32_t>(k));
        const Generated expected = ReferenceGenerate(alone);
        EXPECT_EQ(answer.token_ids, expected.tokens);
        EXPECT_EQ(answer.text, expected.text);
        ++endings_["answered"];
      }
    }
  }

  std::mt19937 random_{GetParam()};
  const std::shared_ptr<FakeClock> clock_ =
      std::make_shared<FakeClock>(absl::FromUnixSeconds(1000));
  const std::shared_ptr<FakeDecoder> decoder_ = std::make_shared<FakeDecoder>();
  std::optional<EngineCore> core_;
  std::vector<Client> clients_;
  int64_t step_ = 0;
  int64_t longest_wait_ = 0;       ///< steps until something came
  int64_t longest_head_wait_ = 0;  ///< of those that had nobody ahead in their line
  std::map<std::string, int> endings_;
};

// The bound on waiting: the head of a line is as urgent as any newcomer after 2 kMaxPriority
// kAgingSteps steps, and then waits for the heads of other lines at most, at their slowest one
// after the other; whoever stands behind it waits as long again for each place.
constexpr int64_t kLines = 5 * (2 * kMaxPriority + 1);
constexpr int64_t kLongestRequest = kMaxPrompt / kBatchTokens + 1 + kMaxTokens;  // steps
constexpr int64_t kLongestWait = 2 * kMaxPriority * kAgingSteps + kLines * kLongestRequest;

TEST_P(StormTest, NothingLeaksAndNobodyStarves) {
  int arrived = 0;
  while (arrived < kRequests || !clients_.empty()) {
    for (uint32_t i = random_() % 3; i > 0 && arrived < kRequests; --i) {
      if (core_->backlog() >= kMaxWaiting) break;  // Submit() would refuse it
      Arrive();
      ++arrived;
    }
    core_->Step();
    clock_->Advance(absl::Seconds(1));
    ++step_;
    for (Client& client : clients_) {
      if (client.cancels_at <= step_) client.channel->Cancel();
      if (client.saw_something) continue;
      const int64_t wait = step_ - client.arrived;
      longest_wait_ = std::max(longest_wait_, wait);
      ASSERT_LE(wait, (client.ahead + 1) * kLongestWait);
      if (client.ahead == 0) longest_head_wait_ = std::max(longest_head_wait_, wait);
    }
    std::erase_if(clients_, [this](Client& client) {
      if (!Read(client)) return false;
      Check(client);
      return true;
    });
  }
  EXPECT_FALSE(core_->Step());
  const EngineStats stats = core_->stats();
  EXPECT_EQ(stats.free_blocks, kBlocks);
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_GT(stats.preemptions, 100);
  EXPECT_GT(stats.cached_tokens, 1000);
  std::string endings;
  for (const auto& [ending, count] : endings_) {
    EXPECT_GT(count, 5) << ending;
    endings += ending + " " + std::to_string(count) + ", ";
  }
  EXPECT_EQ(endings_.size(), 5u);
  EXPECT_GT(endings_["answered"], 500);
  EXPECT_GT(endings_["cancelled"], 500);
  std::cout << "storm " << GetParam() << ": " << endings << stats.preemptions << " preemptions, "
            << stats.cached_tokens << " of " << stats.prompt_tokens << " prompt tokens cached, "
            << step_ << " steps, longest wait " << longest_wait_
            << " steps, of the first of a line " << longest_head_wait_ << ", allowed "
            << kLongestWait << "\n";
}

INSTANTIATE_TEST_SUITE_P(Seeds, StormTest, ::testing::Range(1u, 4u));

// Equal prompts of many tenants: each finds its own blocks, never another's.
TEST(Tenants, EqualPromptsHitInTheirOwnNamespaceOnly) {
  const auto decoder = std::make_shared<FakeDecoder>();
  EngineOptions options;
  options.kv_blocks = 400;
  options.block_size = 4;
  EngineCore core(options, decoder, testing::MakeKvCache(decoder->kv_layout(), 400, 4),
                  /*drafter=*/nullptr, std::make_shared<FakeTokenizer>(),
                  std::make_shared<FakeClock>(absl::FromUnixSeconds(1)));
  GenerateRequest request;
  for (int32_t i = 0; i < 30; ++i) request.prompt_tokens.push_back(2 + i);
  request.sampling.max_tokens = 3;
  const auto cached_of = [&](const std::string& tenant, int32_t n) {
    request.tenant = request.cache_namespace = tenant;
    request.n = n;
    const auto channel = std::make_shared<StreamChannel>(100, n);
    const int64_t before = core.stats().cached_tokens;
    core.Add(std::make_unique<Sequence>(request, channel));
    while (core.Step()) {
    }
    return core.stats().cached_tokens - before;
  };
  for (int tenant = 0; tenant < 20; ++tenant) {
    EXPECT_EQ(cached_of("tenant " + std::to_string(tenant), 1 + tenant % 3), 0);
  }
  // No namespace, and names that look like another's or like a request's own key.
  for (const char* tenant : {"", "tenant", "tenant 1 ", "r1", "ntenant 1", "n"}) {
    EXPECT_EQ(cached_of(tenant, 2), 0) << tenant;
  }
  for (int tenant = 0; tenant < 20; ++tenant) {
    EXPECT_EQ(cached_of("tenant " + std::to_string(tenant), 1), 28);
  }
}

}  // namespace
}  // namespace hadal::inference
