#include "inference/moe/hybrid_plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "inference/weights/model_config.h"
#include "inference/weights/shard_plan.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr int64_t kExpert = int64_t{3} * 2048 * 7168;  // of V3, with a scale per 128 x 128
constexpr int64_t kExpertBytes = kExpert + 4 * kExpert / (128 * 128);
constexpr int64_t kLayerBytes = 256 * kExpertBytes;

class HybridPlanOfV3 : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = SourcePath("tests/golden/configs/deepseek_v3.json");
    ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(path));
    ASSERT_OK_AND_ASSIGN(v3_, ParseHfConfig(text, path));
    options_.machine = {int64_t{40} << 30, int64_t{1024} << 30, 2e12, 5e11, 5e10};
    options_.kv_bytes_per_token = 61 * 576 * 2;
    options_.buffer_bytes = int64_t{2} << 30;
    options_.kv_tokens = 100'000;
    options_.context_tokens = 1000;
  }
  int64_t AllBytes() const {
    int64_t bytes = 0;
    for (const PlannedTensor& tensor : ShardPlan().Tensors(v3_, options_.draft)) {
      bytes += tensor.bytes;
    }
    return bytes;
  }

  ModelConfig v3_;
  HybridOptions options_;
};

TEST_F(HybridPlanOfV3, ExpertsStayOnTheHost) {
  ASSERT_OK_AND_ASSIGN(const HybridPlan plan, PlanHybrid(v3_, options_));
  EXPECT_EQ(plan.device_expert_layers, 1);  // 11.3 GB of them fit beside the rest
  EXPECT_EQ(plan.host_expert_layers, 57);
  const int64_t embedding = int64_t{2} * 129280 * 7168;
  EXPECT_EQ(plan.host_weight_bytes, 57 * kLayerBytes + embedding);
  EXPECT_EQ(plan.device_weight_bytes + plan.host_weight_bytes, AllBytes());
  const auto used = [&](int64_t tokens) {
    return plan.device_weight_bytes + options_.buffer_bytes + tokens * options_.kv_bytes_per_token;
  };
  EXPECT_GE(plan.kv_tokens, options_.kv_tokens);
  EXPECT_LE(used(plan.kv_tokens), options_.machine.device_bytes);
  EXPECT_GT(used(plan.kv_tokens + 1), options_.machine.device_bytes);
}

TEST_F(HybridPlanOfV3, AStepReadsTheChosenExpertsAndEverythingElse) {
  ASSERT_OK_AND_ASSIGN(const HybridPlan one, PlanHybrid(v3_, options_));
  EXPECT_NEAR(one.traffic.host, 57.0 * 8 * kExpertBytes, 1);
  EXPECT_NEAR(one.traffic.link, 57.0 * 2 * 7168 * 4, 1);
  const double rest = static_cast<double>(one.device_weight_bytes - kLayerBytes);
  const double kv = 1000.0 * 61 * 576 * 2;
  EXPECT_NEAR(one.traffic.device, rest + kv + 8.0 * kExpertBytes, 1);
  EXPECT_NEAR(one.step_seconds,
              one.traffic.device / 2e12 + one.traffic.host / 5e11 + one.traffic.link / 5e10, 1e-9);
  // Eight tokens share some experts, and nothing of their KV.
  options_.streams = 8;
  ASSERT_OK_AND_ASSIGN(const HybridPlan eight, PlanHybrid(v3_, options_));
  const double share = 1 - std::pow(1 - 1.0 / 32, 8);
  EXPECT_NEAR(eight.traffic.host, 57 * share * kLayerBytes, 1e3);
  EXPECT_NEAR(eight.traffic.device, rest + 8 * kv + share * kLayerBytes, 1e3);
  EXPECT_NEAR(eight.traffic.link, 8 * one.traffic.link, 1);
}

TEST_F(HybridPlanOfV3, MoreMemoryTakesMoreExpertsAndLessTime) {
  ASSERT_OK_AND_ASSIGN(HybridPlan before, PlanHybrid(v3_, options_));
  for (const int64_t gib : {80, 141, 800}) {
    options_.machine.device_bytes = gib << 30;
    ASSERT_OK_AND_ASSIGN(const HybridPlan plan, PlanHybrid(v3_, options_));
    EXPECT_GT(plan.device_expert_layers, before.device_expert_layers);
    EXPECT_LT(plan.step_seconds, before.step_seconds);
    EXPECT_EQ(plan.device_weight_bytes + plan.host_weight_bytes, AllBytes());
    before = plan;
  }
  EXPECT_EQ(before.host_expert_layers, 0);
  EXPECT_EQ(before.traffic.host, 0);
  EXPECT_EQ(before.traffic.link, 0);
}

TEST_F(HybridPlanOfV3, ExpertsOfAnotherTypeAndThePredictionLayer) {
  options_.machine.device_bytes = int64_t{20} << 30;  // not a layer of experts beside the rest
  options_.kv_tokens = 1;
  options_.buffer_bytes = int64_t{1} << 30;
  options_.expert_type = ElementType::kQ4_K;
  ASSERT_OK_AND_ASSIGN(const HybridPlan q4, PlanHybrid(v3_, options_));
  EXPECT_EQ(q4.device_expert_layers, 0);
  EXPECT_NEAR(q4.traffic.host, 58.0 * 8 * kExpert * 144 / 256, 1);
  options_.expert_type = std::nullopt;
  options_.draft = true;
  ASSERT_OK_AND_ASSIGN(const HybridPlan draft, PlanHybrid(v3_, options_));
  EXPECT_EQ(draft.host_expert_layers + draft.device_expert_layers, 59);
  EXPECT_EQ(draft.device_weight_bytes + draft.host_weight_bytes, AllBytes());
}

TEST_F(HybridPlanOfV3, ExpertsInFp8WeighTheSameWhateverTheRestIs) {
  ASSERT_OK_AND_ASSIGN(const HybridPlan all_fp8, PlanHybrid(v3_, options_));
  v3_.fp8_weights = false;
  options_.expert_type = ElementType::kF8E4M3;
  options_.machine.device_bytes *= 2;
  ASSERT_OK_AND_ASSIGN(const HybridPlan plan, PlanHybrid(v3_, options_));
  EXPECT_EQ(plan.traffic.host / plan.host_expert_layers,
            all_fp8.traffic.host / all_fp8.host_expert_layers);
}

TEST_F(HybridPlanOfV3, IsRefusedWithNumbers) {
  HybridOptions small = options_;
  small.machine.device_bytes = int64_t{16} << 30;
  EXPECT_STATUS(PlanHybrid(v3_, small), kResourceExhausted, "17179869184 bytes on the device");
  small = options_;
  small.machine.host_bytes = int64_t{512} << 30;
  EXPECT_STATUS(PlanHybrid(v3_, small), kResourceExhausted, "549755813888 bytes on the host");
  small = options_;
  small.kv_tokens = 10'000'000;
  EXPECT_STATUS(PlanHybrid(v3_, small), kResourceExhausted, "10000000 tokens");
}

TEST_F(HybridPlanOfV3, RefusesWhatMakesNoSense) {
  HybridOptions wrong = options_;
  wrong.machine.link_bandwidth = 0;
  EXPECT_STATUS(PlanHybrid(v3_, wrong), kInvalidArgument, "positive");
  wrong = options_;
  wrong.streams = 0;
  EXPECT_STATUS(PlanHybrid(v3_, wrong), kInvalidArgument, "positive");
  wrong = options_;
  wrong.expert_type = ElementType::kQ4_K;
  ModelConfig odd = v3_;
  odd.moe.expert_ffn_dim = 1408 + 32;
  EXPECT_STATUS(PlanHybrid(odd, wrong), kInvalidArgument, "Q4_K blocks");
  ModelConfig dense = v3_;
  dense.moe.num_experts = 0;
  EXPECT_STATUS(PlanHybrid(dense, options_), kInvalidArgument, "no routed experts");
}

}  // namespace
}  // namespace hadal::inference
