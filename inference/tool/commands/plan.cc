// hadal-model plan MODEL: what a model needs on each rank, before anything of it is read.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/model/memory_plan.h"
#include "inference/moe/placement.h"
#include "inference/tool/commands.h"
#include "inference/tool/model_shape.h"
#include "inference/tool/ranks.h"

namespace hadal::inference::tool {
namespace {

struct Options {
  std::string model;
  double memory_gib = 0;
  int32_t max_batch_tokens = 8192;
  int32_t redundant_experts = 0;
  bool draft = true;
  bool json = false;
  RankOptions ranks;
};

/// Experts that weigh the same, in so many slots more than each rank's share.
StatusOr<ExpertPlacement> WithRedundantExperts(const MoeConfig& moe, const ParallelLayout& layout,
                                               int32_t redundant) {
  const int32_t share = (moe.num_experts + layout.expert_parallel - 1) / layout.expert_parallel;
  PlacementOptions options;
  options.ranks = layout.ranks;
  options.slots_per_rank = std::min(moe.num_experts, share + redundant);
  return BalanceExperts(std::vector<double>(static_cast<size_t>(moe.num_experts), 1.0), options);
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelShape(options.model));
  MemoryPlanOptions wanted;
  wanted.decoder.layout = LayoutOf(options.ranks, 0);
  wanted.memory_bytes = static_cast<int64_t>(options.memory_gib * kGiB);
  wanted.max_batch_tokens = options.max_batch_tokens;
  wanted.decoder.draft = options.draft && config.num_nextn_layers > 0;
  if (options.redundant_experts > 0) {
    if (wanted.decoder.layout.expert_parallel == 1 || config.moe.num_experts == 0) {
      return InvalidArgument("redundant experts need a model with experts and --ep above 1");
    }
    ASSIGN_OR_RETURN(auto placement, WithRedundantExperts(config.moe, wanted.decoder.layout,
                                                          options.redundant_experts));
    wanted.decoder.placements = {std::move(placement)};
  }
  ASSIGN_OR_RETURN(const MemoryPlan plan, PlanMemory(config, wanted));
  const ParallelLayout& layout = wanted.decoder.layout;
  if (options.json) {
    const nlohmann::ordered_json out = {{"ranks", layout.ranks},
                                        {"tensor_parallel", layout.tensor_parallel},
                                        {"expert_parallel", layout.expert_parallel},
                                        {"weight_bytes", plan.weight_bytes},
                                        {"buffer_bytes", plan.buffer_bytes},
                                        {"kv_bytes_per_token", plan.kv_bytes_per_token},
                                        {"kv_tokens", plan.kv_tokens}};
    std::puts(out.dump().c_str());
    return OkStatus();
  }
  fmt::print("{} ranks, tensor parallel {}, expert parallel {}; on the fullest rank:\n",
             layout.ranks, layout.tensor_parallel, layout.expert_parallel);
  fmt::print("  weights   {:8.1f} GiB\n  buffers   {:8.1f} GiB\n",
             static_cast<double>(plan.weight_bytes) / kGiB,
             static_cast<double>(plan.buffer_bytes) / kGiB);
  fmt::print("  KV cache  {} bytes a token, room for {} tokens\n", plan.kv_bytes_per_token,
             plan.kv_tokens);
  return OkStatus();
}

}  // namespace

void AddPlan(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("plan", "Says what a model needs on each rank");
  command->add_option("MODEL", options->model, "config.json, or the folder it is in")->required();
  command->add_option("--memory", options->memory_gib, "GiB of one rank")
      ->required()->check(CLI::PositiveNumber);
  command->add_option("--max-batch-tokens", options->max_batch_tokens, "rows of one step")
      ->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command->add_option("--redundant-experts", options->redundant_experts,
                      "experts a rank holds beside its share of each layer")
      ->check(CLI::Range(0, kMaxExperts))->capture_default_str();
  command->add_flag("!--no-draft", options->draft, "without the multi-token prediction layer");
  command->add_flag("--json", options->json, "print JSON");
  AddRankOptions(command, &options->ranks);
  command->footer("example: hadal-model plan DeepSeek-V3 --memory 80 --ranks 16 --tp 8 --ep 16");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
