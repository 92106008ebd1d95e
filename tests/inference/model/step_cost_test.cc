#include "inference/model/step_cost.h"

#include "inference/model/memory_plan.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kHidden = 256;

SyntheticCheckpoint Model(const std::string& architecture) {
  return {SyntheticCheckpoint::SmallConfig(architecture), GgmlType::kQ8_0, 1};
}

double Bytes(const Checkpoint& checkpoint, const std::string& name) {
  const auto bytes = PackedBytesOf(checkpoint, name, ShardPlan());
  EXPECT_OK(bytes);
  return static_cast<double>(*bytes);
}

// Of a layer: query and output 256 x 256, key and value 64 x 256, three of 512 x 256.
constexpr int64_t kDenseLayer = kHidden * (2 * 256 + 2 * 64 + 3 * 512);

TEST(StepCost, EveryMatrixCountsOnceATokenAndTheOutputOncePerLogits) {
  const SyntheticCheckpoint untied = Model("qwen2");
  ASSERT_OK_AND_ASSIGN(const StepCost one, CostOfStep(untied, 1, 1));
  ASSERT_OK_AND_ASSIGN(const StepCost prompt, CostOfStep(untied, 64, 1));
  EXPECT_EQ(one.multiply_adds, 2 * kDenseLayer + 500 * kHidden);
  EXPECT_EQ(prompt.multiply_adds, 64 * 2 * kDenseLayer + 500 * kHidden);
  // A prompt reads the weights once as well, but more rows of the table.
  EXPECT_NEAR(prompt.weight_bytes - one.weight_bytes,
              63.0 / 500 * Bytes(untied, "token_embd.weight"), 1);
  ASSERT_OK_AND_ASSIGN(const StepCost silent, CostOfStep(untied, 1, 0));
  EXPECT_EQ(one.weight_bytes - silent.weight_bytes, Bytes(untied, "output.weight"));
}

TEST(StepCost, ATiedTableIsReadAsTheOutput) {
  const SyntheticCheckpoint tied = Model("llama");
  ASSERT_OK_AND_ASSIGN(const MemoryPlan plan, PlanMemory(tied, MemoryPlanOptions()));
  ASSERT_OK_AND_ASSIGN(const StepCost one, CostOfStep(tied, 1, 1));
  EXPECT_EQ(one.weight_bytes, static_cast<double>(plan.weight_bytes));
  EXPECT_EQ(one.multiply_adds, 2 * kDenseLayer + 500 * kHidden);
}

TEST(StepCost, OfRoutedExpertsThoseThatAreChosen) {
  for (const char* architecture : {"qwen2_moe", "deepseek_v2", "deepseek_v3"}) {
    const SyntheticCheckpoint model = Model(architecture);
    const std::string layer = model.config().HasExperts(0) ? "blk.0." : "blk.2.";
    double expert = 0;
    for (const char* part : {"ffn_gate.0.weight", "ffn_up.0.weight", "ffn_down.0.weight"}) {
      expert += Bytes(model, layer + part);
    }
    ASSERT_OK_AND_ASSIGN(const StepCost one, CostOfStep(model, 1, 0));
    ASSERT_OK_AND_ASSIGN(const StepCost two, CostOfStep(model, 2, 0));
    ASSERT_OK_AND_ASSIGN(const StepCost many, CostOfStep(model, 10000, 0));
    const double table = Bytes(model, "token_embd.weight") / 500;
    // Two layers have 8 experts, of which 3 are chosen: in a step of two tokens, 8(1 - (5/8)^2).
    EXPECT_NEAR(two.weight_bytes - one.weight_bytes, 2 * expert * (8 * (1 - 25.0 / 64) - 3) + table,
                1)
        << architecture;
    EXPECT_NEAR(many.weight_bytes - one.weight_bytes, 2 * expert * 5 + 9999 * table, 1)
        << architecture;
    EXPECT_NEAR(two.multiply_adds, 2 * one.multiply_adds, 1) << architecture;
  }
}

TEST(StepCost, APredictionLayerIsNoPartOfAStep) {
  ModelConfig config = SyntheticCheckpoint::SmallConfig("deepseek_v3");
  const SyntheticCheckpoint without(config, GgmlType::kQ8_0, 1);
  config.num_nextn_layers = 1;
  const SyntheticCheckpoint with(config, GgmlType::kQ8_0, 1);
  ASSERT_OK_AND_ASSIGN(const StepCost expected, CostOfStep(without, 1, 1));
  ASSERT_OK_AND_ASSIGN(const StepCost found, CostOfStep(with, 1, 1));
  EXPECT_EQ(found.weight_bytes, expected.weight_bytes);
  EXPECT_EQ(found.multiply_adds, expected.multiply_adds);
}

}  // namespace
}  // namespace hadal::inference
