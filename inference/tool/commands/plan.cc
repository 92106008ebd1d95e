// hadal-model plan MODEL: what a model needs on each rank, before anything of it is read.
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "inference/model/memory_plan.h"
#include "inference/tool/commands.h"
#include "inference/tool/ranks.h"
#include "inference/weights/model_config.h"

namespace hadal::inference::tool {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr size_t kMaxConfigBytes = 1 << 20;

struct Options {
  std::string model;
  double memory_gib = 0;
  int32_t max_batch_tokens = 8192;
  bool json = false;
  RankOptions ranks;
};

Status Run(const Options& options) {
  struct stat info;
  const bool folder = ::stat(options.model.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const std::string path = folder ? options.model + "/config.json" : options.model;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  ASSIGN_OR_RETURN(const ModelConfig config, ParseHfConfig(text, path));
  MemoryPlanOptions wanted;
  wanted.decoder.layout = LayoutOf(options.ranks, 0);
  wanted.memory_bytes = static_cast<int64_t>(options.memory_gib * kGiB);
  wanted.max_batch_tokens = options.max_batch_tokens;
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
  command->add_flag("--json", options->json, "print JSON");
  AddRankOptions(command, &options->ranks);
  command->footer("example: hadal-model plan DeepSeek-V3 --memory 80 --ranks 16 --tp 8 --ep 16");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
