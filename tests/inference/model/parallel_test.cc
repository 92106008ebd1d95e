#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "inference/moe/placed_experts.h"
#include "inference/weights/safetensors.h"
#include "tests/inference/model/decode.h"
#include "tests/inference/model/on_ranks.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/golden.h"

// One model on many ranks (threads): against the reference data, and against one rank.

namespace hadal::inference {
namespace {

std::string NameOf(const ParallelLayout& layout) {
  return fmt::format("ranks_{}_tp_{}_ep_{}", layout.ranks, layout.tensor_parallel,
                     layout.expert_parallel);
}

class Routers final : public DecoderTrace {
 public:
  void OnHidden(const std::string&, ConstMatrixView) override {}
  void OnRouting(int32_t layer, ConstMatrixView, absl::Span<const int32_t> experts,
                 absl::Span<const float>) override {
    choices["router." + std::to_string(layer) + ".idx"].assign(experts.begin(), experts.end());
  }
  std::map<std::string, std::vector<int32_t>> choices;
};

class ParallelGolden : public GoldenSetTest<std::tuple<const char*, ParallelLayout>> {
 protected:
  void SetUp() override { Open(std::get<0>(GetParam())); }

  // A prompt and its greedy continuation, against the reference.
  void CheckPrompt(Decoder& decoder, int prompt, float* worst) const {
    const std::string prefix = "prompt." + std::to_string(prompt) + ".";
    const auto ids = Values<int32_t>(*golden_, prefix + "ids");
    auto expected = Values<float>(*golden_, prefix + "logits");
    if (expected.empty()) expected = Values<float>(*golden_, prefix + "logits_tail");
    const auto greedy = Values<int32_t>(*golden_, prefix + "greedy");
    OneSequence sequence(decoder, static_cast<int32_t>(ids.size() + greedy.size()));
    const std::vector<float> logits = sequence.Feed(ids);
    ASSERT_FALSE(expected.empty());
    const size_t skip = logits.size() - expected.size();
    for (size_t i = 0; i < expected.size(); ++i) {
      *worst = std::max(*worst, std::fabs(expected[i] - logits[skip + i]));
    }
    const int32_t vocabulary = decoder.config().vocabulary;
    int32_t next = ArgMax(logits.data() + logits.size() - vocabulary, vocabulary);
    for (size_t step = 0; step < greedy.size(); ++step) {
      EXPECT_EQ(next, greedy[step]) << "prompt " << prompt << " step " << step;
      next = ArgMax(sequence.Feed({next}).data(), vocabulary);
    }
  }

};

// Groups run different prompts at the same time, one shifted against the other.
TEST_P(ParallelGolden, LogitsGreedyTokensAndRouterChoices) {
  const ParallelLayout layout = std::get<1>(GetParam());
  const bool routed = checkpoint_->config().moe.num_experts > 0;
  std::vector<float> worst(static_cast<size_t>(layout.ranks), 0);
  OnRanks(layout, {ComputeMode::kFloat32}, [&](int32_t rank, DecoderOptions options) {
    Routers routers;
    if (routed) options.trace = &routers;
    auto decoder = LoadDecoder(*checkpoint_, options, Pool(1));
    ASSERT_OK(decoder);
    if (routed) {
      OneSequence(**decoder, 64).Feed(Values<int32_t>(*golden_, "prompt.2.ids"));
      for (const SafetensorsEntry& entry : golden_->entries()) {
        if (!entry.name.starts_with("router.") || !entry.name.ends_with(".idx")) continue;
        EXPECT_EQ(routers.choices[entry.name], Values<int32_t>(*golden_, entry.name));
      }
    }
    for (int prompt = 0; prompt < 5; ++prompt) {
      CheckPrompt(**decoder, (prompt + rank / layout.tensor_parallel) % 5,
                  &worst[static_cast<size_t>(rank)]);
    }
  });
  const float all = *std::max_element(worst.begin(), worst.end());
  EXPECT_LE(all, 1e-3f);
  std::printf("max abs logit difference %.2e\n", static_cast<double>(all));
}

const auto TestName = [](const auto& test) {
  return TestNameOf(std::get<0>(test.param)) + "_" + NameOf(std::get<1>(test.param));
};

INSTANTIATE_TEST_SUITE_P(
    Experts, ParallelGolden,
    ::testing::Combine(::testing::Values("deepseek_v2_group-tiny", "deepseek_v2_lite-tiny",
                                         "deepseek_v3-tiny", "deepseek_v3-tiny-fp8",
                                         "qwen2_moe-tiny"),
                       ::testing::Values(ParallelLayout{2, 2, 1}, ParallelLayout{4, 4, 1},
                                         ParallelLayout{2, 1, 2}, ParallelLayout{4, 1, 4},
                                         ParallelLayout{2, 2, 2}, ParallelLayout{4, 2, 4},
                                         ParallelLayout{4, 2, 2}, ParallelLayout{4, 4, 4})),
    TestName);
INSTANTIATE_TEST_SUITE_P(
    Dense, ParallelGolden,
    ::testing::Combine(::testing::Values("qwen2-tiny-tied", "qwen2-tiny-untied", "llama-tiny"),
                       ::testing::Values(ParallelLayout{2, 2, 1}, ParallelLayout{4, 4, 1},
                                         ParallelLayout{4, 2, 1}, ParallelLayout{4, 1, 4})),
    TestName);

std::vector<float> OnOneRank(const Checkpoint& checkpoint, const std::vector<int32_t>& tokens) {
  auto decoder = LoadDecoder(checkpoint, {}, Pool(1));
  EXPECT_OK(decoder);
  return OneSequence(**decoder, 128).Feed(tokens);
}

double Difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::fabs(a[i] - b[i]);
    size += std::fabs(b[i]);
  }
  return difference / size;
}

// Experts that travel, however they are placed, change no bit.
TEST(ExpertParallelDecoder, IsOneRankBitForBit) {
  for (const auto& [architecture, type] :
       {std::pair{"deepseek_v3", GgmlType::kBF16}, std::pair{"deepseek_v3", GgmlType::kF8E4M3},
        std::pair{"deepseek_v3", GgmlType::kQ8_0}, std::pair{"qwen2_moe", GgmlType::kBF16}}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture), type, 3);
    const std::vector<std::vector<int32_t>> prompts = {SomeTokens(33, 1), SomeTokens(5, 2)};
    const std::vector<std::vector<float>> expected = {OnOneRank(checkpoint, prompts[0]),
                                                      OnOneRank(checkpoint, prompts[1])};
    const std::vector<ExpertPlacement> redundant = {{{{0, 3, 7}, {1, 2, 3}, {3, 4, 5}, {5, 6, 7}}},
                                                    {{{0, 1, 2}, {0, 3, 4}, {0, 5, 6}, {0, 7}}}};
    for (const bool placed : {false, true}) {
      DecoderOptions base;
      if (placed) base.placements = redundant;
      for (const ParallelLayout layout : {ParallelLayout{4, 1, 4}, ParallelLayout{4, 1, 2}}) {
        OnRanks(layout, base, [&](int32_t rank, const DecoderOptions& options) {
          auto decoder = LoadDecoder(checkpoint, options, Pool(1));
          ASSERT_OK(decoder);
          const auto which = static_cast<size_t>(rank % 2);
          EXPECT_TRUE(OneSequence(**decoder, 128).Feed(prompts[which]) == expected[which])
              << NameOf(layout) << " rank " << rank;
        });
      }
    }
  }
}

// Nor do experts that move in the middle of a sequence: what is loaded later is what was there.
TEST(ExpertParallelDecoder, ExpertsThatMoveChangeNoBit) {
  const std::vector<ExpertPlacement> places = {{{{0, 3, 7}, {1, 2, 3}, {3, 4, 5}, {5, 6, 7}}},
                                               {{{6, 7}, {4, 5}, {2, 3}, {0, 1}}}};
  for (const GgmlType type : {GgmlType::kBF16, GgmlType::kF8E4M3, GgmlType::kQ8_0}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("deepseek_v3"), type, 3);
    const std::vector<int32_t> tokens = SomeTokens(30, 1);
    const std::vector<float> expected = OnOneRank(checkpoint, tokens);
    OnRanks({4, 1, 4}, {}, [&](int32_t rank, const DecoderOptions& options) {
      auto decoder = LoadDecoder(checkpoint, options, Pool(1));
      ASSERT_OK(decoder);
      PlacedExperts* experts = (*decoder)->placed_experts();
      ASSERT_NE(experts, nullptr);
      OneSequence sequence(**decoder, 128);
      std::vector<float> found;
      for (size_t at = 0; at < tokens.size(); at += 5) {
        const auto first = tokens.begin() + static_cast<ptrdiff_t>(at);
        const auto logits = sequence.Feed({first, first + 5});
        found.insert(found.end(), logits.begin(), logits.end());
        const ExpertPlacement& place = places[at / 5 % places.size()];
        for (int32_t layer = 1; layer < 3; ++layer) {
          ASSERT_OK(experts->BeginMove(layer, place));
          while (true) {
            ASSERT_OK_AND_ASSIGN(const auto outcome, experts->SettleMove());
            ASSERT_OK(outcome.error);
            if (outcome.state == PlacedExperts::MoveState::kMoved) break;
          }
          EXPECT_EQ(experts->placement(layer).experts_of_rank, place.experts_of_rank);
        }
      }
      EXPECT_TRUE(found == expected) << "rank " << rank;
    });
  }
}

// What is cut keeps its stored bits, or is widened exactly: only the order of sums differs. Cuts of
// Q4_K (blocks of 256) do not fit the heads.
TEST(TensorParallelDecoder, IsCloseToOneRankWithStoredWeights) {
  for (const auto& [architecture, type] :
       {std::pair{"deepseek_v3", GgmlType::kF8E4M3}, std::pair{"deepseek_v2", GgmlType::kQ8_0},
        std::pair{"llama", GgmlType::kQ4_K}, std::pair{"qwen2", GgmlType::kQ5_0},
        std::pair{"qwen2", GgmlType::kBF16}, std::pair{"qwen2_moe", GgmlType::kBF16}}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture), type, 3);
    const std::vector<int32_t> tokens = SomeTokens(40, 1);
    const std::vector<float> expected = OnOneRank(checkpoint, tokens);
    for (const int32_t width : {2, 4}) {
      OnRanks({width, width, 1}, {}, [&](int32_t, const DecoderOptions& options) {
        auto decoder = LoadDecoder(checkpoint, options, Pool(1));
        ASSERT_OK(decoder);
        // int8 activations are rounded per block of what a rank has; float weights are not.
        EXPECT_LT(Difference(OneSequence(**decoder, 128).Feed(tokens), expected),
                  type == GgmlType::kBF16 || type == GgmlType::kF8E4M3 ? 0.003 : 0.1)
            << architecture << " " << width;
      });
    }
  }
}

TEST(ParallelDecoder, ChunksGiveTheSameBits) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("deepseek_v3"),
                                       GgmlType::kF8E4M3, 3);
  const std::vector<int32_t> tokens = SomeTokens(60, 1);
  OnRanks({4, 2, 4}, {}, [&](int32_t rank, const DecoderOptions& options) {
    auto decoder = LoadDecoder(checkpoint, options, Pool(1));
    ASSERT_OK(decoder);
    const std::vector<float> whole = OneSequence(**decoder, 64).Feed(tokens);
    OneSequence chunked(**decoder, 64);
    std::vector<float> parts;
    for (size_t at = 0; at < tokens.size(); at += 20) {  // the groups differ in their cuts
      const size_t cut = rank < 2 ? 7 : 19;
      for (const auto& [begin, end] : {std::pair{at, at + cut}, std::pair{at + cut, at + 20}}) {
        const auto logits = chunked.Feed({tokens.begin() + static_cast<ptrdiff_t>(begin),
                                          tokens.begin() + static_cast<ptrdiff_t>(end)});
        parts.insert(parts.end(), logits.begin(), logits.end());
      }
    }
    EXPECT_TRUE(parts == whole);
  });
}

TEST(ParallelDecoder, AGroupWithoutWorkServesTheOthersExperts) {
  for (const char* architecture : {"deepseek_v3", "qwen2_moe"}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture),
                                         GgmlType::kBF16, 3);
    const std::vector<int32_t> tokens = SomeTokens(12, 1);
    const std::vector<float> expected = OnOneRank(checkpoint, tokens);
    OnRanks({3, 1, 3}, {}, [&](int32_t rank, const DecoderOptions& options) {
      auto decoder = LoadDecoder(checkpoint, options, Pool(1));
      ASSERT_OK(decoder);
      if (rank == 1) {
        EXPECT_TRUE(OneSequence(**decoder, 64).Feed(tokens) == expected);
        return;
      }
      ASSERT_OK_AND_ASSIGN(auto cache, KvCache::Create((*decoder)->kv_layout(), 1, 16));
      EXPECT_OK((*decoder)->Forward({}, *cache, {}));
    });
  }
}

TEST(ParallelDecoder, ARankThatStaysAwayIsNamed) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("deepseek_v3"),
                                       GgmlType::kBF16, 3);
  const std::vector<int32_t> tokens = SomeTokens(12, 1);
  std::atomic<int> told = 0;
  const auto body = [&](int32_t rank, const DecoderOptions& options) {
    auto decoder = LoadDecoder(checkpoint, options, Pool(1));
    ASSERT_OK(decoder);
    if (rank == 3) {
      while (told < 3) absl::SleepFor(absl::Milliseconds(5));
      return;
    }
    ASSERT_OK_AND_ASSIGN(auto cache, KvCache::Create((*decoder)->kv_layout(), 1, 16));
    const std::vector<int32_t> table = {0};
    const SequenceSlice slice{tokens, 0, table, 1};
    std::vector<float> logits(500);
    EXPECT_STATUS(
        (*decoder)->Forward(absl::MakeConstSpan(&slice, 1), *cache, absl::MakeSpan(logits)),
        kUnavailable, "rank 3 is dead or stuck");
    ++told;
  };
  OnRanks({4, 2, 4}, {}, body, absl::Milliseconds(500));
}

/// Remembers which tensors are looked at.
class Spy final : public Checkpoint {
 public:
  explicit Spy(const Checkpoint& real) : real_(real) {}
  const ModelConfig& config() const override { return real_.config(); }
  const Weight* Find(std::string_view name) const override {
    seen.insert(std::string(name));
    return real_.Find(name);
  }
  std::vector<std::string> names() const override { return real_.names(); }
  const std::string& path() const override { return real_.path(); }
  mutable std::set<std::string> seen;

 private:
  const Checkpoint& real_;
};

TEST(ParallelDecoder, ReadsWhatThePlanNames) {
  for (const char* architecture : {"deepseek_v3", "qwen2_moe"}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig(architecture),
                                         GgmlType::kBF16, 3);
    OnRanks({4, 2, 4}, {}, [&](int32_t rank, const DecoderOptions& options) {
      const Spy spy(checkpoint);
      ASSERT_OK(LoadDecoder(spy, options, Pool(1)));
      ASSERT_OK_AND_ASSIGN(const ShardPlan plan,
                           ShardPlan::Create(checkpoint.config(), options.layout, rank, 32));
      for (const PlannedTensor& tensor : plan.Tensors(checkpoint.config())) {
        if (tensor.name.find("ffn_down") != std::string::npos) continue;  // its type is asked for
        EXPECT_EQ(spy.seen.contains(tensor.name), !tensor.part.empty()) << tensor.name;
        spy.seen.erase(tensor.name);
      }
      std::erase_if(spy.seen, [](const std::string& name) {
        return name.find("ffn_down") != std::string::npos ||
               name.find("_b.0.") != std::string::npos;
      });
      EXPECT_TRUE(spy.seen.empty()) << *spy.seen.begin();
    });
  }
}

TEST(ParallelDecoder, RefusesLayoutsThatAreNotThere) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("qwen2"), GgmlType::kBF16,
                                       3);
  DecoderOptions options;
  options.layout = {2, 2, 1};
  EXPECT_STATUS(LoadDecoder(checkpoint, options, Pool(1)), kInvalidArgument, "1 were started");
  OnRanks({3, 3, 1}, {}, [&](int32_t, const DecoderOptions& three) {
    EXPECT_STATUS(LoadDecoder(checkpoint, three, Pool(1)), kInvalidArgument, "attention heads");
  });
}

}  // namespace
}  // namespace hadal::inference
