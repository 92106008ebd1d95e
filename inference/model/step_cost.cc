#include "inference/model/step_cost.h"

#include <cmath>
#include <string>
#include <string_view>

#include "inference/model/memory_plan.h"

namespace hadal::inference {
namespace {

/// "blk.7.ffn_up.3.weight", and not "blk.7.ffn_up.weight".
bool IsRoutedExpert(std::string_view name) {
  const size_t stem = name.find(".ffn_");
  if (stem == std::string_view::npos) return false;
  const size_t number = name.find('.', stem + 1);
  return number != std::string_view::npos && number + 1 < name.size() && name[number + 1] >= '0' &&
         name[number + 1] <= '9';
}

bool IsTable(std::string_view name) {
  return name == "token_embd.weight" || name == "position_embd.weight" ||
         name == "token_types.weight";
}

/// Which part of a tensor a step reads, and how many rows of activations meet it.
struct Use {
  double read = 1;
  double rows = 0;
};

}  // namespace

StatusOr<StepCost> CostOfStep(const Checkpoint& checkpoint, int32_t rows, int32_t logits) {
  const ModelConfig& config = checkpoint.config();
  const bool projects_table = config.tied_embeddings && config.architecture != "bert";
  const double chosen =
      config.moe.num_experts == 0
          ? 0
          : static_cast<double>(config.moe.experts_per_token) / config.moe.num_experts;
  StepCost cost;
  for (const std::string& name : checkpoint.names()) {
    if (IsOfDraft(config, name)) continue;
    const Weight& weight = *checkpoint.Find(name);
    ASSIGN_OR_RETURN(const int64_t bytes, PackedBytesOf(checkpoint, name, ShardPlan()));
    Use use{1, static_cast<double>(rows)};
    if (IsTable(name)) {
      const bool output = projects_table && name == "token_embd.weight";
      use = output ? Use{logits > 0 ? 1.0 : 0.0, static_cast<double>(logits)}
                   : Use{rows / static_cast<double>(weight.shape[0]), 0};
    } else if (name == "output.weight") {
      use = {logits > 0 ? 1.0 : 0.0, static_cast<double>(logits)};
    } else if (IsRoutedExpert(name)) {
      use = {1 - std::pow(1 - chosen, rows), rows * chosen};
    }
    cost.weight_bytes += use.read * static_cast<double>(bytes);
    if (weight.shape.size() == 2) {
      cost.multiply_adds += use.rows * static_cast<double>(weight.shape[0] * weight.shape[1]);
    }
  }
  return cost;
}

}  // namespace hadal::inference
