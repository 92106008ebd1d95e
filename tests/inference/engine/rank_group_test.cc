#include "inference/rank_group.h"

#include <atomic>
#include <thread>

#include "inference/comm/thread_ranks.h"
#include "inference/engine.h"
#include "inference/engine/batch_message.h"
#include "inference/kernels/thread_pool.h"
#include "inference/tokenizer.h"
#include "inference/weights/checkpoint.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/status_matchers.h"

// The leader's engine and its followers, as threads.

namespace hadal::inference {
namespace {

const SyntheticCheckpoint& TheCheckpoint() {
  static const SyntheticCheckpoint* checkpoint = [] {
    ModelConfig config = SyntheticCheckpoint::SmallConfig("deepseek_v3");
    config.vocabulary = testing::kVocabulary;
    config.num_nextn_layers = 1;
    return new SyntheticCheckpoint(config, GgmlType::kF32, 3);
  }();
  return *checkpoint;
}

/// With its prediction layer, and for the expanded form of attention.
DecoderOptions AllParts() {
  DecoderOptions options;
  options.draft = true;
  options.expanded_prefill = true;
  return options;
}

std::shared_ptr<ThreadPool> Pool() { return std::make_shared<ThreadPool>(1); }

EngineOptions SmallEngine() {
  EngineOptions options;
  options.kv_blocks = 40;
  options.max_batch_tokens = 16;  // prompts run in chunks
  return options;
}

GenerateRequest Request(int32_t seed) {
  GenerateRequest request;
  for (int32_t i = 0; i < 20 + seed; ++i)
    request.prompt_tokens.push_back((i * 37 + seed) % testing::kVocabulary);
  request.sampling.max_tokens = 12;
  request.sampling.temperature = 0;
  return request;
}

/// Ids of all generated tokens, or the error.
StatusOr<std::vector<int32_t>> Read(GenerationStream& stream) {
  std::vector<int32_t> tokens;
  while (true) {
    const auto delta = stream.Next(absl::Now() + absl::Seconds(60));
    if (!delta) return DeadlineExceeded("the stream hangs");
    tokens.insert(tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
    if (!delta->finished) continue;
    if (!delta->error.ok()) return delta->error;
    return tokens;
  }
}

std::vector<std::vector<int32_t>> Generate(Engine& engine) {
  std::vector<std::unique_ptr<GenerationStream>> streams;
  for (int32_t seed = 0; seed < 5; ++seed) {
    auto stream = engine.Submit(Request(seed));
    EXPECT_OK(stream);
    streams.push_back(*std::move(stream));
  }
  std::vector<std::vector<int32_t>> all;
  for (auto& stream : streams) {
    auto tokens = Read(*stream);
    EXPECT_OK(tokens);
    all.push_back(tokens.value_or(std::vector<int32_t>()));
  }
  return all;
}

std::unique_ptr<Engine> MakeEngine(std::shared_ptr<Decoder> decoder, int32_t expanded_prefill = 0) {
  EngineOptions options = SmallEngine();
  options.expanded_prefill = expanded_prefill;
  auto engine =
      Engine::Create(options, std::move(decoder), std::make_shared<testing::FakeTokenizer>());
  EXPECT_OK(engine);
  return *std::move(engine);
}

void Follow(std::unique_ptr<Communicator> comm, const RankGroupOptions& options) {
  const auto group = RankGroup::Over(std::move(comm), options);
  EXPECT_FALSE(group->leads());
  ASSERT_OK(group->Load(TheCheckpoint(), {}, Pool()));
  ASSERT_OK(group->Load(TheCheckpoint(), AllParts(), Pool()));
  EXPECT_OK(group->Follow());
  EXPECT_OK(group->Leave());
}

TEST(RankGroup, EnginesOnRanksGenerateWhatOneRankDoes) {
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Decoder> alone, LoadDecoder(TheCheckpoint(), {}, Pool()));
  const auto expected = Generate(*MakeEngine(alone));
  EXPECT_GT(expected.front().size(), 0u);
  ASSERT_OK_AND_ASSIGN(alone, LoadDecoder(TheCheckpoint(), AllParts(), Pool()));
  const auto expected_expanded = Generate(*MakeEngine(alone, 16));
  RankGroupOptions options;
  options.timeout = absl::Seconds(2);  // the idle time below is longer
  auto ranks = CreateThreadRanks(4, options.timeout);
  std::vector<std::thread> followers;
  for (size_t r = 1; r < 4; ++r) {
    followers.emplace_back(
        [&, comm = std::move(ranks[r])]() mutable { Follow(std::move(comm), options); });
  }
  const auto group = RankGroup::Over(std::move(ranks[0]), options);
  ASSERT_OK_AND_ASSIGN(auto first, group->Load(TheCheckpoint(), {}, Pool()));
  ASSERT_OK_AND_ASSIGN(auto second, group->Load(TheCheckpoint(), AllParts(), Pool()));
  ASSERT_OK(group->Lead([](const Status& status) { ADD_FAILURE() << StatusMessage(status); }));
  {
    const auto one = MakeEngine(first);
    const auto two = MakeEngine(second, 16);
    EXPECT_EQ(Generate(*one), expected);
    absl::SleepFor(absl::Seconds(3));
    std::thread other([&] { EXPECT_EQ(Generate(*two), expected_expanded); });
    EXPECT_EQ(Generate(*one), expected);
    other.join();
    EXPECT_GT(two->Stats().drafted_tokens, 0);
  }
  EXPECT_OK(group->Leave());
  for (std::thread& follower : followers) follower.join();
}

// A follower that does not come any more is noticed while nothing is to do; requests name it then.
TEST(RankGroup, AFollowerThatIsStuckEndsTheGroup) {
  RankGroupOptions options;
  options.timeout = absl::Milliseconds(800);
  auto ranks = CreateThreadRanks(2, options.timeout);
  std::atomic<bool> over = false;
  std::thread follower([&, comm = std::move(ranks[1])] {
    EXPECT_OK(comm->Barrier());  // what a follower does until all is loaded
    DecoderOptions decoder;
    decoder.ranks = comm.get();
    decoder.layout = {2, 2, 2};
    EXPECT_OK(LoadDecoder(TheCheckpoint(), decoder, Pool()));
    EXPECT_OK(comm->Barrier());
    while (!over) absl::SleepFor(absl::Milliseconds(5));
  });
  const auto group = RankGroup::Over(std::move(ranks[0]), options);
  ASSERT_OK_AND_ASSIGN(auto decoder, group->Load(TheCheckpoint(), {}, Pool()));
  const absl::Time start = absl::Now();
  const auto on_failure = [&](const Status& status) {
    EXPECT_STATUS(status, kUnavailable, "rank 1 is dead or stuck");
    EXPECT_FALSE(over.exchange(true));
  };
  ASSERT_OK(group->Lead(on_failure));
  while (!over && absl::Now() - start < absl::Seconds(20)) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_LT(absl::Now() - start, 3 * options.timeout);
  follower.join();
  const auto engine = MakeEngine(decoder);
  ASSERT_OK_AND_ASSIGN(auto stream, engine->Submit(Request(1)));
  EXPECT_STATUS(Read(*stream), kUnavailable, "rank 1 is dead or stuck");
  EXPECT_STATUS(group->Leave(), kUnavailable, "rank 1");
}

TEST(BatchMessage, CarriesABatchOfAnySize) {
  ASSERT_OK_AND_ASSIGN(const auto cache,
                       KvCache::Create({2, {KvDtype::kF32, 8}, {KvDtype::kF32, 8}}, 7, 4));
  for (const size_t size : {0, 1, 100, 5000}) {
    auto ranks = CreateThreadRanks(2, absl::Seconds(20));
    const std::vector<int32_t> tokens(size, 3), blocks(size / 2 + 1, 6);
    const std::vector<SequenceSlice> batch = {{tokens, 5, blocks, 1, 64, 7},
                                              {blocks, 0, tokens, 0}};
    const auto message = BatchMessage::Run(BatchMessage::Kind::kDraft, 2, batch, *cache);
    std::thread leader([&] {
      EXPECT_OK(message.Broadcast(*ranks[0]));
      EXPECT_OK(BatchMessage::Leave().Broadcast(*ranks[0]));
    });
    ASSERT_OK_AND_ASSIGN(const BatchMessage found, BatchMessage::Receive(*ranks[1]));
    EXPECT_EQ(found.kind(), BatchMessage::Kind::kDraft);
    EXPECT_EQ(found.model(), 2);
    EXPECT_EQ(found.num_blocks(), 7);
    EXPECT_EQ(found.block_size(), 4);
    ASSERT_OK_AND_ASSIGN(const auto slices, found.Slices());
    ASSERT_EQ(slices.size(), 2u);
    EXPECT_EQ(slices[0].tokens, absl::MakeConstSpan(tokens));
    EXPECT_EQ(slices[0].block_table, absl::MakeConstSpan(blocks));
    EXPECT_EQ(slices[0].position, 5);
    EXPECT_EQ(slices[0].num_logits, 1);
    EXPECT_EQ(slices[0].first_row, 7);
    EXPECT_EQ(slices[0].expanded_tokens, 64);
    EXPECT_EQ(slices[1].tokens, absl::MakeConstSpan(blocks));
    ASSERT_OK_AND_ASSIGN(const BatchMessage last, BatchMessage::Receive(*ranks[1]));
    EXPECT_EQ(last.kind(), BatchMessage::Kind::kLeave);
    leader.join();
  }
}

TEST(BatchMessage, CarriesAPlacementOfExperts) {
  auto ranks = CreateThreadRanks(2, absl::Seconds(20));
  ExpertPlacement placement = {{{0, 3}, {}, {1, 2, 3}}};
  placement.experts_of_rank.emplace_back(5000, 7);  // more than one broadcast
  std::thread leader([&] {
    EXPECT_OK(BatchMessage::Move(2, 5, placement).Broadcast(*ranks[0]));
    EXPECT_OK(BatchMessage::Settle(1).Broadcast(*ranks[0]));
  });
  ASSERT_OK_AND_ASSIGN(const BatchMessage move, BatchMessage::Receive(*ranks[1]));
  EXPECT_EQ(move.kind(), BatchMessage::Kind::kMove);
  EXPECT_EQ(move.model(), 2);
  EXPECT_EQ(move.layer(), 5);
  ASSERT_OK_AND_ASSIGN(const ExpertPlacement found, move.Placement());
  EXPECT_EQ(found.experts_of_rank, placement.experts_of_rank);
  ASSERT_OK_AND_ASSIGN(const BatchMessage settle, BatchMessage::Receive(*ranks[1]));
  EXPECT_EQ(settle.kind(), BatchMessage::Kind::kSettle);
  EXPECT_EQ(settle.model(), 1);
  leader.join();
}

}  // namespace
}  // namespace hadal::inference
