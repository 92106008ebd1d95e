// Drafting with a model: a guess that holds saves forward passes and changes nothing; one that does
// not is as if never made.
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "inference/engine/drafter.h"
#include "inference/engine/engine_core.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::FakeDecoder;
using testing::FakeTokenizer;
using testing::MakeKvCache;
using testing::ReferenceGenerate;

constexpr int32_t kBlockSize = 4;
enum class Kind { kPredictionLayer, kGoodModel, kBadModel };

class DrafterTest : public ::testing::TestWithParam<Kind> {
 protected:
  void Start(int32_t kv_blocks, int32_t max_running, int32_t max_batch_tokens) {
    EngineOptions options;
    options.kv_blocks = kv_blocks;
    options.block_size = kBlockSize;
    options.max_running = max_running;
    options.max_batch_tokens = max_batch_tokens;
    options.speculation_rows = 64;
    decoder_ = std::make_shared<FakeDecoder>();
    std::shared_ptr<KvCache> cache = MakeKvCache(decoder_->kv_layout(), kv_blocks, kBlockSize);
    std::unique_ptr<Drafter> drafter;
    if (GetParam() == Kind::kPredictionLayer) {
      decoder_->drafts = true;
      drafter = MakePredictionLayerDrafter(decoder_, cache);
    } else {
      draft_ = std::make_shared<FakeDecoder>();
      if (GetParam() == Kind::kBadModel) draft_->memory = 1;
      drafter = MakeModelDrafter(draft_, MakeKvCache(draft_->kv_layout(), kv_blocks, kBlockSize));
    }
    core_.emplace(options, decoder_, std::move(cache), std::move(drafter),
                  std::make_shared<FakeTokenizer>(), std::make_shared<SystemClock>());
  }

  GenerateRequest RandomRequest(bool shares) {
    GenerateRequest request;
    const uint32_t flavour = random_() % 3;  // few beginnings: prefixes are shared
    for (uint32_t i = 0, size = 1 + random_() % 50; i < size; ++i) {
      request.prompt_tokens.push_back(
          static_cast<int32_t>(i < 24 ? (flavour * 5 + i) % 64 : random_() % 64));
    }
    request.sampling.max_tokens = static_cast<int32_t>(1 + random_() % 40);
    if (random_() % 2 == 0) {
      request.sampling.temperature = 1.0f;
      request.sampling.seed = random_();
      request.sampling.top_p = random_() % 2 == 0 ? 1.0f : 0.9f;
    }
    if (shares && random_() % 3 != 0) request.cache_namespace = random_() % 2 == 0 ? "a" : "b";
    return request;
  }

  void Run(int count, bool shares) {
    std::vector<std::pair<GenerateRequest, std::shared_ptr<StreamChannel>>> all;
    for (int i = 0; i < count; ++i) {
      all.emplace_back(RandomRequest(shares), std::make_shared<StreamChannel>(1000));
      core_->Add(std::make_unique<Sequence>(all.back().first, all.back().second));
      if (i % 3 == 0) core_->Step();
    }
    for (int steps = 0; core_->Step(); ++steps) ASSERT_LT(steps, 100000);
    for (auto& [request, channel] : all) {
      std::vector<int32_t> tokens;
      Status error;
      while (auto delta = channel->Next(absl::InfinitePast())) {
        tokens.insert(tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
        error = delta->error;
      }
      EXPECT_OK(error);
      EXPECT_EQ(tokens, ReferenceGenerate(request).tokens);
    }
    EXPECT_EQ(core_->stats().free_blocks, core_->stats().total_blocks);
  }

  std::mt19937 random_{7};
  std::shared_ptr<FakeDecoder> decoder_, draft_;
  std::optional<EngineCore> core_;
};

// With all memory and no shared blocks a drafter that is always right always holds, for greedy and
// for drawn tokens: whatever does not reach it, or the wrong row, shows as a guess that fails.
TEST_P(DrafterTest, GuessesOfAPerfectDrafterHold) {
  Start(/*kv_blocks=*/4000, /*max_running=*/6, /*max_batch_tokens=*/40);
  Run(100, /*shares=*/false);
  const EngineStats stats = core_->stats();
  EXPECT_GT(stats.drafted_tokens, 300);
  EXPECT_EQ(decoder_->draft_cache_misses, 0);
  if (GetParam() == Kind::kBadModel) {
    EXPECT_LT(stats.accepted_tokens, stats.drafted_tokens / 4);
  } else {
    // Prompt lookup makes some wrong guesses of its own.
    EXPECT_GT(stats.accepted_tokens, stats.drafted_tokens * 95 / 100);
  }
}

TEST_P(DrafterTest, TokensDoNotDependOnGuesses) {
  struct Setting {
    int32_t kv_blocks, max_running, max_batch_tokens;
    bool shares;
  };
  for (const Setting& setting : {Setting{1000, 1, 1000, false}, Setting{1000, 8, 16, true},
                                 Setting{60, 8, 16, true}, Setting{23, 8, 8, true}}) {
    Start(setting.kv_blocks, setting.max_running, setting.max_batch_tokens);
    Run(150, setting.shares);
    EXPECT_LE(decoder_->largest_batch_tokens, setting.max_batch_tokens);
  }
}

TEST_P(DrafterTest, AFailingDrafterEndsItsBatch) {
  Start(1000, 1, 1000);
  if (GetParam() == Kind::kPredictionLayer) {
    decoder_->draft_error = Unavailable("gone");
  } else {
    draft_->before_forward = [](absl::Span<const SequenceSlice>) { return Unavailable("gone"); };
  }
  auto channel = std::make_shared<StreamChannel>(1000);
  GenerateRequest request;
  request.prompt_tokens = {5, 6, 7};
  request.sampling.max_tokens = 20;
  core_->Add(std::make_unique<Sequence>(request, channel));
  while (core_->Step()) {
  }
  Status error;
  while (auto delta = channel->Next(absl::InfinitePast())) error = delta->error;
  EXPECT_STATUS(error, kUnavailable, "gone");
  EXPECT_EQ(core_->stats().free_blocks, 1000);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DrafterTest,
                         ::testing::Values(Kind::kPredictionLayer, Kind::kGoodModel,
                                           Kind::kBadModel));

}  // namespace
}  // namespace hadal::inference
