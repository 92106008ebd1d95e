// hadal-model hybrid MODEL: where the parts of a mixture of experts go on a device beside a host.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/model/memory_plan.h"
#include "inference/moe/hybrid_plan.h"
#include "inference/tool/commands.h"
#include "inference/tool/model_shape.h"

namespace hadal::inference::tool {
namespace {

constexpr double kGB = 1e9;

struct Options {
  std::string model;
  double device_gib = 0, host_gib = 0;
  double device_gbs = 0, host_gbs = 0, link_gbs = 0;
  std::string expert_type;
  int32_t max_batch_tokens = 8192;
  int64_t kv_tokens = 32768;
  bool draft = false;
  bool json = false;
  HybridOptions step;
};

StatusOr<ElementType> TypeNamed(const std::string& name) {
  std::string known;
  for (int32_t i = 0; i < kNumElementTypes; ++i) {
    const auto type = static_cast<ElementType>(i);
    if (name == TraitsOf(type).name) return type;
    known += std::string(known.empty() ? "" : ", ") + TraitsOf(type).name;
  }
  return InvalidArgument("--experts {} is no type of weights; expected one of {}", name, known);
}

void Print(const HybridPlan& plan) {
  const auto gib = [](int64_t bytes) { return static_cast<double>(bytes) / kGiB; };
  fmt::print(
      "device  {:8.1f} GiB of weights, experts of {} layers among them; room for {} tokens\n"
      "host    {:8.1f} GiB of weights, experts of {} layers\n",
      gib(plan.device_weight_bytes), plan.device_expert_layers, plan.kv_tokens,
      gib(plan.host_weight_bytes), plan.host_expert_layers);
  fmt::print(
      "a step reads {:.2f} GB on the device and {:.2f} GB on the host, and moves {:.2f} MB "
      "between them: {:.1f} ms\n",
      plan.traffic.device / kGB, plan.traffic.host / kGB, plan.traffic.link / 1e6,
      plan.step_seconds * 1e3);
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelShape(options.model));
  HybridOptions wanted = options.step;
  wanted.machine = {static_cast<int64_t>(options.device_gib * kGiB),
                    static_cast<int64_t>(options.host_gib * kGiB), options.device_gbs * kGB,
                    options.host_gbs * kGB, options.link_gbs * kGB};
  if (!options.expert_type.empty()) {
    ASSIGN_OR_RETURN(wanted.expert_type, TypeNamed(options.expert_type));
  }
  wanted.draft = options.draft && config.num_nextn_layers > 0;
  wanted.kv_tokens = options.kv_tokens;
  MemoryPlanOptions step;
  step.decoder.draft = wanted.draft;
  step.max_batch_tokens = options.max_batch_tokens;
  ASSIGN_OR_RETURN(const MemoryPlan needs, PlanMemory(config, step));
  wanted.kv_bytes_per_token = needs.kv_bytes_per_token;
  wanted.buffer_bytes = needs.buffer_bytes;
  ASSIGN_OR_RETURN(const HybridPlan plan, PlanHybrid(config, wanted));
  if (!options.json) {
    Print(plan);
    return OkStatus();
  }
  const nlohmann::ordered_json out = {{"device_weight_bytes", plan.device_weight_bytes},
                                      {"host_weight_bytes", plan.host_weight_bytes},
                                      {"device_expert_layers", plan.device_expert_layers},
                                      {"host_expert_layers", plan.host_expert_layers},
                                      {"buffer_bytes", wanted.buffer_bytes},
                                      {"kv_bytes_per_token", wanted.kv_bytes_per_token},
                                      {"kv_tokens", plan.kv_tokens},
                                      {"step_device_bytes", plan.traffic.device},
                                      {"step_host_bytes", plan.traffic.host},
                                      {"step_link_bytes", plan.traffic.link},
                                      {"step_seconds", plan.step_seconds}};
  std::puts(out.dump().c_str());
  return OkStatus();
}

}  // namespace

void AddHybrid(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "hybrid", "Says what goes where with routed experts on the host and the rest on a device");
  command->add_option("MODEL", options->model, "config.json, or the folder it is in")->required();
  const auto positive = [&](const char* name, double* value, const char* what) {
    command->add_option(name, *value, what)->required()->check(CLI::PositiveNumber);
  };
  positive("--device-memory", &options->device_gib, "GiB");
  positive("--host-memory", &options->host_gib, "GiB");
  positive("--device-bandwidth", &options->device_gbs, "GB/s that are reached");
  positive("--host-bandwidth", &options->host_gbs, "GB/s of all nodes together");
  positive("--link-bandwidth", &options->link_gbs, "GB/s between them, one direction");
  command->add_option("--experts", options->expert_type, "type of routed experts, such as Q4_K");
  command->add_option("--kv-tokens", options->kv_tokens, "that must fit, before experts do")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--streams", options->step.streams, "sequences that decode together")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->add_option("--context", options->step.context_tokens, "tokens of each of them")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command->add_option("--max-batch-tokens", options->max_batch_tokens, "rows of one step")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_flag("--draft", options->draft, "with the multi-token prediction layer");
  command->add_flag("--json", options->json, "print JSON");
  command->footer(
      "example: hadal-model hybrid DeepSeek-V3 --device-memory 80 --host-memory 768 "
      "--device-bandwidth 2800 --host-bandwidth 600 --link-bandwidth 50 "
      "--experts Q4_K");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool
