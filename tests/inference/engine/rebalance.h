#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "inference/engine.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/rank_group.h"
#include "tests/inference/engine/fake_model.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/status_matchers.h"

// Experts that move while engines generate: the same whether ranks are threads or processes.

namespace hadal::inference::testing {

/// A small DeepSeek-V3 whose router may prefer experts 0, 1 and 2, and whose files may be gone.
class SkewedCheckpoint final : public Checkpoint {
 public:
  explicit SkewedCheckpoint(bool skewed) : bias_(8, 0.0f) {
    ModelConfig config = SyntheticCheckpoint::SmallConfig("deepseek_v3");
    config.vocabulary = kVocabulary;
    all_ = std::make_unique<SyntheticCheckpoint>(config, GgmlType::kF32, 3);
    if (skewed) bias_[0] = bias_[1] = bias_[2] = 10;
    bias_weight_ = *all_->Find("blk.1.exp_probs_b.bias");
    bias_weight_.data = {reinterpret_cast<const uint8_t*>(bias_.data()), bias_.size() * 4};
  }
  const ModelConfig& config() const override { return all_->config(); }
  const std::string& path() const override { return all_->path(); }
  std::vector<std::string> names() const override { return all_->names(); }
  const Weight* Find(std::string_view name) const override {
    return name.ends_with("exp_probs_b.bias") ? &bias_weight_ : all_->Find(name);
  }
  Status CheckFiles() const override {
    return gone ? NotFound("cannot stat model.safetensors: gone") : OkStatus();
  }

  std::atomic<bool> gone = false;

 private:
  std::vector<float> bias_;
  std::unique_ptr<SyntheticCheckpoint> all_;
  Weight bias_weight_;
};

inline std::shared_ptr<ThreadPool> OneThread() { return std::make_shared<ThreadPool>(1); }

inline std::unique_ptr<Engine> SmallEngine(std::shared_ptr<Decoder> decoder) {
  EngineOptions options;
  options.kv_blocks = 60;
  options.max_batch_tokens = 16;  // prompts run in chunks
  auto engine = Engine::Create(options, std::move(decoder), std::make_shared<FakeTokenizer>());
  EXPECT_OK(engine);
  return *std::move(engine);
}

/// The tokens of four requests at once; those of another `round` are others.
inline std::vector<std::vector<int32_t>> GenerateRound(Engine& engine, int32_t round) {
  std::vector<std::unique_ptr<GenerationStream>> streams;
  for (int32_t i = 0; i < 4; ++i) {
    GenerateRequest request;
    for (int32_t t = 0; t < 12 + i; ++t) {
      request.prompt_tokens.push_back(2 + (t * (5 + round) + i) % (kVocabulary - 2));
    }
    request.sampling.max_tokens = 20;
    request.sampling.temperature = 0;
    auto stream = engine.Submit(request);
    EXPECT_OK(stream);
    streams.push_back(*std::move(stream));
  }
  std::vector<std::vector<int32_t>> all;
  for (auto& stream : streams) {
    std::vector<int32_t>& tokens = all.emplace_back();
    for (bool finished = false; !finished;) {
      const auto delta = stream->Next(absl::Now() + absl::Seconds(60));
      if (!delta) {
        ADD_FAILURE() << "the stream hangs";
        break;
      }
      tokens.insert(tokens.end(), delta->token_ids.begin(), delta->token_ids.end());
      EXPECT_OK(delta->error);
      finished = delta->finished;
    }
  }
  return all;
}

/// A follower's whole life.
inline void FollowRank(RankGroup& group, const Checkpoint& checkpoint) {
  ASSERT_OK(group.Load(checkpoint, {}, OneThread()));
  EXPECT_OK(group.Follow());
  EXPECT_OK(group.Leave());
}

/// The leader's: generates round after round, each with the tokens of one rank, until `done`.
inline void LeadRounds(RankGroup& group, const Checkpoint& checkpoint,
                       const std::function<bool(const ExpertMoves&)>& done) {
  constexpr int32_t kRounds = 5;
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Decoder> alone, LoadDecoder(checkpoint, {}, OneThread()));
  std::vector<std::vector<std::vector<int32_t>>> expected;
  const auto reference = SmallEngine(alone);
  for (int32_t i = 0; i < kRounds; ++i) expected.push_back(GenerateRound(*reference, i));
  ASSERT_OK_AND_ASSIGN(auto decoder, group.Load(checkpoint, {}, OneThread()));
  ASSERT_OK(group.Lead([](const Status& status) { ADD_FAILURE() << StatusMessage(status); }));
  {
    const auto engine = SmallEngine(decoder);
    const absl::Time deadline = absl::Now() + absl::Seconds(120);
    bool finished = false;
    for (int32_t round = 0; !finished && absl::Now() < deadline; ++round) {
      const auto which = static_cast<size_t>(round % kRounds);
      EXPECT_EQ(GenerateRound(*engine, round % kRounds), expected[which]) << round;
      finished = round >= kRounds && done(group.expert_moves());
    }
    EXPECT_TRUE(finished) << "moved " << group.expert_moves().layers_moved << " layers";
  }
  EXPECT_OK(group.Leave());
}

/// Looks at the load at every step or so, and moves for the least gain.
inline RankGroupOptions RestlessGroup() {
  RankGroupOptions options;
  options.timeout = absl::Seconds(30);
  options.redundant_experts = 1;
  options.rebalance_tokens = 10;
  options.rebalance_margin = 0.001;
  return options;
}

inline bool MovedOften(const ExpertMoves& moves) {
  return moves.layers_moved >= 12 && moves.experts_loaded >= 12;
}

}  // namespace hadal::inference::testing
