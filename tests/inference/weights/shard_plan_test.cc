#include "inference/weights/shard_plan.h"

#include <cstdio>
#include <map>

#include "base/file.h"
#include "inference/weights/model_config.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

/// The published configuration tests/golden/configs/NAME.json.
ModelConfig Published(const std::string& name) {
  const std::string path = SourcePath("tests/golden/configs/" + name + ".json");
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  const auto config = ParseHfConfig(*text, path);
  EXPECT_OK(config);
  return *config;
}

ModelConfig V3() { return Published("deepseek_v3"); }
ModelConfig Qwen32B() { return Published("r1_distill_qwen_32b"); }

int64_t Area(const TensorPart& part) { return part.rows.count() * part.cols.count(); }

struct Totals {
  int64_t values = 0;           ///< of the whole model
  int64_t bytes = 0;            ///< of the whole model
  int64_t all_ranks = 0;        ///< bytes, all ranks together
  int64_t copies = 0;           ///< bytes that are there more than once, counted from the second on
  int64_t least = 0, most = 0;  ///< bytes of a rank
};

// Reads the plans of all ranks and checks that each tensor is there as often as the layout says,
// without gaps and overlaps inside a copy.
Totals CheckPlans(const ModelConfig& config, const ParallelLayout& layout, int64_t block) {
  Totals totals;
  const std::vector<PlannedTensor> whole = ShardPlan().Tensors(config);
  for (const PlannedTensor& tensor : whole) {
    EXPECT_EQ(Area(tensor.part), tensor.rows * tensor.cols);
    totals.values += Area(tensor.part);
    totals.bytes += tensor.bytes;
  }
  std::vector<std::vector<ShardRange>> covered(whole.size());  // cuts in order of ranks
  std::vector<int64_t> area(whole.size(), 0), bytes(whole.size(), 0);
  for (int32_t rank = 0; rank < layout.ranks; ++rank) {
    auto plan = ShardPlan::Create(config, layout, rank, block);
    EXPECT_OK(plan);
    const std::vector<PlannedTensor> mine = plan->Tensors(config);
    EXPECT_EQ(mine.size(), whole.size());
    int64_t rank_bytes = 0;
    for (size_t i = 0; i < mine.size(); ++i) {
      const TensorPart& part = mine[i].part;
      EXPECT_TRUE(part.rows.begin >= 0 && part.rows.end <= mine[i].rows && part.cols.begin >= 0 &&
                  part.cols.end <= mine[i].cols);
      area[i] += Area(part);
      bytes[i] += mine[i].bytes;
      rank_bytes += mine[i].bytes;
      if (!part.empty()) {
        covered[i].push_back(part.rows.count() < mine[i].rows ? part.rows : part.cols);
      }
    }
    totals.all_ranks += rank_bytes;
    totals.least = rank == 0 ? rank_bytes : std::min(totals.least, rank_bytes);
    totals.most = std::max(totals.most, rank_bytes);
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    const int64_t one = Area(whole[i].part);
    EXPECT_EQ(area[i] % one, 0) << whole[i].name;
    const int64_t copies = area[i] / one;
    EXPECT_GE(copies, 1) << whole[i].name;
    totals.copies += bytes[i] - whole[i].bytes;
    const bool expert = whole[i].name.find(".ffn_") != std::string::npos &&
                        std::count(whole[i].name.begin(), whole[i].name.end(), '.') == 4;
    if (expert && layout.expert_parallel > 1) {
      EXPECT_EQ(copies, layout.ranks / layout.expert_parallel) << whole[i].name;
      continue;
    }
    // One group's parts follow each other; a replicated tensor is whole in every part.
    for (size_t at = 0; at < covered[i].size(); ++at) {
      const ShardRange& range = covered[i][at];
      const ShardRange* before = at == 0 ? nullptr : &covered[i][at - 1];
      EXPECT_TRUE(range.begin == 0 ||
                  (before != nullptr && (before->end == range.begin || *before == range)))
          << whole[i].name;
    }
  }
  EXPECT_EQ(totals.all_ranks, totals.bytes + totals.copies);
  return totals;
}

TEST(ShardPlan, V3OnEightToThirtyTwoRanks) {
  const ModelConfig config = V3();
  for (const int32_t ranks : {8, 16, 32}) {
    for (const ParallelLayout layout :
         {ParallelLayout{ranks, ranks, ranks}, ParallelLayout{ranks, 8, ranks},
          ParallelLayout{ranks, 1, ranks}, ParallelLayout{ranks, ranks, 1}}) {
      const Totals totals = CheckPlans(config, layout, 128);
      std::printf("%2d ranks, tp %2d, ep %2d: %.2f to %.2f GiB a rank, %.1f GiB twice or more\n",
                  ranks, layout.tensor_parallel, layout.expert_parallel,
                  static_cast<double>(totals.least) / (1 << 30),
                  static_cast<double>(totals.most) / (1 << 30),
                  static_cast<double>(totals.copies) / (1 << 30));
      EXPECT_EQ(totals.values, 671026419200);  // "671B", without the MTP layer
      // Whoever is not data-parallel in attention repeats only what is small.
      if (layout.tensor_parallel == ranks) {
        EXPECT_LT(totals.copies, ranks * (int64_t{1100} << 20));  // compressing projections, router
      }
      EXPECT_LT(totals.most, totals.least + totals.least / 20);
    }
  }
}

TEST(ShardPlan, FewerCopiesOfExpertsThanRanksAndDenseModels) {
  CheckPlans(V3(), {16, 4, 4}, 128);
  CheckPlans(V3(), {16, 2, 8}, 128);
  for (const int32_t width : {1, 2, 4, 8, 40}) {
    const Totals totals = CheckPlans(Qwen32B(), {40, width, 1}, 32);
    EXPECT_GT(totals.values, 32'700'000'000);
  }
}

TEST(ShardPlan, CutsLieOnHeadsAndBlocks) {
  const ModelConfig config = V3();
  const auto part = [&](int32_t rank, const char* name, int64_t rows, int64_t cols) {
    auto plan = ShardPlan::Create(config, {32, 16, 32}, rank, 128);
    EXPECT_OK(plan);
    return plan->PartOf(name, rows, cols);
  };
  EXPECT_EQ(part(3, "blk.7.attn_q_b.weight", 24576, 1536), (TensorPart{{4608, 6144}, {0, 1536}}));
  EXPECT_EQ(part(19, "blk.7.attn_q_b.weight", 24576, 1536), (TensorPart{{4608, 6144}, {0, 1536}}));
  EXPECT_EQ(part(3, "blk.7.attn_kv_b.weight", 32768, 512), (TensorPart{{6144, 8192}, {0, 512}}));
  EXPECT_EQ(part(3, "blk.7.attn_output.weight", 7168, 16384),
            (TensorPart{{0, 7168}, {3072, 4096}}));
  EXPECT_EQ(part(3, "blk.7.attn_kv_a_mqa.weight", 576, 7168), (TensorPart{{0, 576}, {0, 7168}}));
  EXPECT_EQ(part(15, "blk.0.ffn_down.weight", 7168, 18432),
            (TensorPart{{0, 7168}, {17280, 18432}}));
  EXPECT_EQ(part(15, "blk.5.ffn_up_shexp.weight", 2048, 7168),
            (TensorPart{{1920, 2048}, {0, 7168}}));
  EXPECT_EQ(part(15, "blk.5.ffn_gate_inp.weight", 256, 7168), (TensorPart{{0, 256}, {0, 7168}}));
  EXPECT_FALSE(part(15, "blk.5.ffn_up.120.weight", 2048, 7168).empty());
  EXPECT_FALSE(part(15, "blk.5.ffn_up.127.weight", 2048, 7168).empty());
  EXPECT_TRUE(part(15, "blk.5.ffn_up.128.weight", 2048, 7168).empty());
  EXPECT_TRUE(part(15, "blk.5.ffn_up.119.weight", 2048, 7168).empty());
  EXPECT_TRUE(part(15, "blk.5.attn_k_b.119.weight", 512, 128).empty());  // per head in GGUF files
  EXPECT_EQ(part(15, "blk.5.attn_v_b.120.weight", 128, 512), (TensorPart{{0, 128}, {0, 512}}));
  EXPECT_EQ(part(1, "token_embd.weight", 129280, 7168), (TensorPart{{8080, 16160}, {0, 7168}}));
}

TEST(ShardPlan, KvHeadsAreSharedOrRepeated) {
  const ModelConfig config = Qwen32B();  // 8 KV heads of 128
  ASSERT_OK_AND_ASSIGN(const ShardPlan four, ShardPlan::Create(config, {4, 4, 1}, 1, 32));
  EXPECT_EQ(four.PartOf("blk.0.attn_k.weight", 1024, 5120), (TensorPart{{256, 512}, {0, 5120}}));
  EXPECT_EQ(four.PartOf("blk.0.attn_k.bias", 1024, 1), (TensorPart{{256, 512}, {0, 1}}));
  EXPECT_EQ(four.num_kv_heads(config), 2);
  ASSERT_OK_AND_ASSIGN(const ShardPlan forty, ShardPlan::Create(config, {40, 40, 1}, 11, 32));
  EXPECT_EQ(forty.PartOf("blk.0.attn_v.weight", 1024, 5120), (TensorPart{{256, 384}, {0, 5120}}));
  EXPECT_EQ(forty.num_kv_heads(config), 1);
  EXPECT_EQ(forty.num_heads(config), 1);
}

TEST(ShardPlan, ExpertsFollowTheirPlacement) {
  ModelConfig config = V3();
  config.num_layers = 5;  // two with experts
  config.moe.num_experts = 4;
  ExpertPlacement first{{{0, 1}, {2, 3}}};
  ExpertPlacement second{{{0, 1, 3}, {2, 3}}};
  ASSERT_OK_AND_ASSIGN(const ShardPlan plan,
                       ShardPlan::Create(config, {2, 1, 2}, 0, 128, {first, second}));
  EXPECT_TRUE(plan.PartOf("blk.3.ffn_up.3.weight", 8, 8).empty());
  EXPECT_FALSE(plan.PartOf("blk.4.ffn_up.3.weight", 8, 8).empty());
  EXPECT_EQ(plan.placement(4).experts_of_rank[0].size(), 3u);
  const auto create = [&](ExpertPlacement placement) {
    return ShardPlan::Create(config, {2, 1, 2}, 0, 128, {placement});
  };
  EXPECT_STATUS(create({{{0, 1, 2, 3}}}), kInvalidArgument, "must name 2 ranks");
  EXPECT_STATUS(create({{{0, 1}, {2}}}), kInvalidArgument, "every expert at least once");
  EXPECT_STATUS(create({{{1, 0}, {2, 3}}}), kInvalidArgument, "ascending");
  EXPECT_STATUS(create({{{0, 1}, {2, 3, 4}}}), kInvalidArgument, "below 4");
  EXPECT_STATUS(ShardPlan::Create(config, {2, 1, 2}, 0, 128, {first, first, first}),
                kInvalidArgument, "3 placements");
}

TEST(ShardPlan, LayoutsThatDoNotFitAreRefused) {
  const auto create = [](const ParallelLayout& layout, int32_t rank) {
    return ShardPlan::Create(V3(), layout, rank, 128);
  };
  EXPECT_STATUS(create({8, 3, 1}, 0), kInvalidArgument, "to divide their number");
  EXPECT_STATUS(create({8, 8, 3}, 0), kInvalidArgument, "to divide their number");
  EXPECT_STATUS(create({8, 0, 1}, 0), kInvalidArgument, "tensor parallelism 0");
  EXPECT_STATUS(create({8, 8, 8}, 8), kInvalidArgument, "rank 8 of 8");
  EXPECT_STATUS(create({12, 12, 1}, 0), kInvalidArgument, "128 attention heads");
  EXPECT_STATUS(create({512, 1, 512}, 0), kInvalidArgument, "256 experts");
  ModelConfig config = Qwen32B();
  EXPECT_STATUS(ShardPlan::Create(config, {5, 5, 1}, 0, 32), kInvalidArgument, "8 KV heads");
  config.ffn_dim = 3;
  EXPECT_STATUS(ShardPlan::Create(config, {4, 4, 1}, 0, 32), kInvalidArgument, "width of 3");
}

}  // namespace
}  // namespace hadal::inference
