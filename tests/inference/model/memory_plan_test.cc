#include "inference/model/memory_plan.h"

#include <numeric>

#include "base/file.h"
#include "inference/weights/model_config.h"
#include "tests/inference/model/synthetic_checkpoint.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

ModelConfig Published(const std::string& name) {
  const std::string path = SourcePath("tests/golden/configs/" + name + ".json");
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  auto config = ParseHfConfig(*text, path);
  EXPECT_OK(config);
  return *std::move(config);
}

MemoryPlanOptions On(int32_t ranks, int32_t tensor_parallel, int32_t expert_parallel,
                     int64_t gib) {
  MemoryPlanOptions options;
  options.decoder.layout = {ranks, tensor_parallel, expert_parallel};
  options.memory_bytes = gib << 30;
  return options;
}

// Latent attention keeps 512 + 64 values a layer, the others K and V of their KV heads.
TEST(MemoryPlan, KvBytesPerTokenOfPublishedModels) {
  EXPECT_EQ(KvLayoutOf(Published("deepseek_v3"), {}).BytesPerToken(), 61 * 576 * 2);
  EXPECT_EQ(KvLayoutOf(Published("deepseek_v2"), {}).BytesPerToken(), 60 * 576 * 2);
  EXPECT_EQ(KvLayoutOf(Published("r1_distill_qwen_32b"), {}).BytesPerToken(),
            64 * 2 * 8 * 128 * 2);
}

TEST(MemoryPlan, KvBytesPerTokenOfTheTypes) {
  const ModelConfig v3 = Published("deepseek_v3");
  const ModelConfig qwen = Published("r1_distill_qwen_32b");
  for (const auto& [dtype, bytes] :
       {std::pair(KvDtype::kF32, 4), {KvDtype::kBF16, 2}, {KvDtype::kI8, 1}}) {
    MemoryPlanOptions options = On(32, 8, 32, 80);
    options.decoder.kv_dtype = dtype;
    const int scales = dtype == KvDtype::kI8 ? 4 : 0;
    // One scale for the latent and one for the rotated key; one for each KV head of K and of V.
    ASSERT_OK_AND_ASSIGN(const MemoryPlan plan, PlanMemory(v3, options));
    EXPECT_EQ(plan.kv_bytes_per_token, 61 * (576 * bytes + 2 * scales));
    options.decoder.layout = {4, 4, 1};
    ASSERT_OK_AND_ASSIGN(const MemoryPlan cut, PlanMemory(qwen, options));
    EXPECT_EQ(cut.kv_bytes_per_token, 64 * 2 * (2 * 128 * bytes + 2 * scales));
    options.decoder.mode = ComputeMode::kFloat32;
    EXPECT_EQ(KvLayoutOf(v3, options.decoder).BytesPerToken(), 61 * 576 * 4);
  }
}

TEST(MemoryPlan, V3FillsSixteenRanksAndNotEightOf80) {
  const ModelConfig v3 = Published("deepseek_v3");
  EXPECT_STATUS(PlanMemory(v3, On(8, 8, 8, 80)), kResourceExhausted, "more ranks");
  ASSERT_OK_AND_ASSIGN(const MemoryPlan on16, PlanMemory(v3, On(16, 8, 16, 80)));
  ASSERT_OK_AND_ASSIGN(const MemoryPlan on32, PlanMemory(v3, On(32, 8, 32, 80)));
  EXPECT_GT(on16.weight_bytes, int64_t{40} << 30);
  EXPECT_LT(on32.weight_bytes, on16.weight_bytes);
  EXPECT_GT(on32.kv_tokens, on16.kv_tokens);
  for (const MemoryPlan& plan : {on16, on32}) {
    EXPECT_EQ(plan.kv_bytes_per_token, 61 * 576 * 2);  // the latent has no heads to cut
    const int64_t used = plan.weight_bytes + plan.buffer_bytes +
                         plan.kv_tokens * plan.kv_bytes_per_token;
    EXPECT_LE(used, int64_t{80} << 30);
    EXPECT_GT(used + plan.kv_bytes_per_token, int64_t{80} << 30);
  }
}

TEST(MemoryPlan, ExpandedPrefillKeepsKeysASecondTime) {
  const ModelConfig v3 = Published("deepseek_v3");
  MemoryPlanOptions options = On(16, 8, 16, 80);
  ASSERT_OK_AND_ASSIGN(const MemoryPlan absorbed, PlanMemory(v3, options));
  options.decoder.expanded_prefill = true;
  ASSERT_OK_AND_ASSIGN(const MemoryPlan expanded, PlanMemory(v3, options));
  EXPECT_EQ(expanded.weight_bytes - absorbed.weight_bytes, int64_t{61} * 16 * 128 * 512 * 4);
  const int64_t positions = v3.context_length;
  EXPECT_EQ(expanded.buffer_bytes - absorbed.buffer_bytes, positions * (576 + 2 * 192) * 4);
}

// The published folder holds 14B parameters of it, 11.5B of them not shared with the main model.
TEST(MemoryPlan, ThePredictionLayerAndRedundantExpertsCount) {
  const ModelConfig v3 = Published("deepseek_v3");
  MemoryPlanOptions options = On(32, 8, 32, 0);
  ASSERT_OK_AND_ASSIGN(const MemoryPlan plain, PlanMemory(v3, options));
  EXPECT_EQ(plain.kv_tokens, 0);
  const int64_t expert = int64_t{3} * 2048 * 7168;
  const int64_t expert_bytes = expert + 4 * expert / (128 * 128);
  std::vector<int32_t> nine(9);
  std::iota(nine.begin(), nine.end(), 0);
  ExpertPlacement placement = SpreadExperts(256, options.decoder.layout);
  placement.experts_of_rank[0] = nine;  // one beside its share of 8
  options.decoder.placements = {placement};
  ASSERT_OK_AND_ASSIGN(const MemoryPlan redundant, PlanMemory(v3, options));
  EXPECT_EQ(redundant.weight_bytes - plain.weight_bytes, 58 * expert_bytes);

  options = On(1, 1, 1, 0);
  ASSERT_OK_AND_ASSIGN(const MemoryPlan one, PlanMemory(v3, options));
  options.decoder.draft = true;
  ASSERT_OK_AND_ASSIGN(const MemoryPlan draft, PlanMemory(v3, options));
  EXPECT_EQ(draft.kv_bytes_per_token - one.kv_bytes_per_token, 576 * 2);
  const double more = static_cast<double>(draft.weight_bytes - one.weight_bytes);
  // FP8 but for 2 x 129,280 x 7,168 of embedding and head and 7,168 x 14,336 of projection.
  const double wide = 2.0 * 129280 * 7168 + 7168.0 * 14336;
  EXPECT_NEAR(more, 11.5e9 + 2 * wide, 0.02 * more);
}

TEST(MemoryPlan, TensorParallelismCutsKvHeads) {
  const ModelConfig qwen = Published("r1_distill_qwen_32b");
  ASSERT_OK_AND_ASSIGN(const MemoryPlan one, PlanMemory(qwen, On(1, 1, 1, 80)));
  ASSERT_OK_AND_ASSIGN(const MemoryPlan four, PlanMemory(qwen, On(4, 4, 1, 80)));
  EXPECT_EQ(one.kv_bytes_per_token, 4 * four.kv_bytes_per_token);
  EXPECT_STATUS(PlanMemory(qwen, On(3, 3, 1, 80)), kInvalidArgument, "");
}

// What the loaders pack, byte for byte: SmolLM2's own matrices, and a synthetic one of each type.
TEST(MemoryPlan, WeightsOfACheckpointAreThoseThatArePacked) {
  const Device packer(std::make_shared<ThreadPool>(1));
  for (const GgmlType type : {GgmlType::kF32, GgmlType::kBF16, GgmlType::kQ8_0, GgmlType::kQ4_0,
                              GgmlType::kQ5_1, GgmlType::kQ4_K, GgmlType::kQ6_K}) {
    const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("llama"), type, 1);
    int64_t packed = 0;
    for (const std::string& name : checkpoint.names()) {
      const Weight& weight = *checkpoint.Find(name);
      if (weight.shape.size() == 1) {
        packed += 4 * weight.shape[0];
        continue;
      }
      ASSERT_OK_AND_ASSIGN(const PackedMatrix matrix,
                           LoadMatrix(checkpoint, name, weight.shape[0], weight.shape[1],
                                      PackPrecision::kStored, packer));
      packed += static_cast<int64_t>(matrix.size_bytes());
    }
    ASSERT_OK_AND_ASSIGN(const MemoryPlan plan, PlanMemory(checkpoint, MemoryPlanOptions()));
    EXPECT_EQ(plan.weight_bytes, packed) << TraitsOf(type).name;
    EXPECT_EQ(plan.kv_tokens, 0);
  }
}

TEST(MemoryPlan, ACheckpointIsRefusedWithNumbersAndCutOverRanks) {
  const SyntheticCheckpoint checkpoint(SyntheticCheckpoint::SmallConfig("qwen2"), GgmlType::kQ8_0,
                                       1);
  MemoryPlanOptions options = On(1, 1, 1, 1);
  ASSERT_OK_AND_ASSIGN(const MemoryPlan one, PlanMemory(checkpoint, options));
  EXPECT_GT(one.kv_tokens, 0);
  ASSERT_OK_AND_ASSIGN(const MemoryPlan two, PlanMemory(checkpoint, On(2, 2, 1, 1)));
  EXPECT_LT(two.weight_bytes, one.weight_bytes);
  EXPECT_EQ(one.kv_bytes_per_token, 2 * two.kv_bytes_per_token);
  options.memory_bytes = one.weight_bytes + one.buffer_bytes;
  EXPECT_STATUS(PlanMemory(checkpoint, options), kResourceExhausted,
                std::to_string(one.weight_bytes));
}

}  // namespace
}  // namespace hadal::inference
