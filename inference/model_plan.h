#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "inference/engine.h"

namespace hadal::inference {

/// What serving a model takes in memory, in bytes of one rank (the fullest). Beside it come
/// the tokenizer and what constraints know of it (tens of MiB), and pages of the mapped files.
struct ModelPlan {
  int64_t weight_bytes = 0;  ///< packed
  int64_t kv_bytes = 0;      ///< 0 of encoders
  int64_t kv_tokens = 0;
  int64_t buffer_bytes = 0;  ///< activations and logits of one step
  int64_t total_bytes() const { return weight_bytes + kv_bytes + buffer_bytes; }
};

/// Opens the model at `path` (GGUF file or Hugging Face folder), without loading it, and adds up
/// what it takes under `options`. With `ranks`, and `expert_parallel` of them holding one copy of
/// all experts (0: all), of one rank. Errors are those of opening it, and INVALID_ARGUMENT when
/// kv_cache_bytes does not hold one block or the model cannot be shared so.
StatusOr<ModelPlan> PlanModel(const std::string& path, const EngineOptions& options,
                              int32_t ranks = 1, int32_t expert_parallel = 0);

/// Whether LoadChatModel() can take the model at `path`, as far as that is known without packing
/// its weights: every tensor of its architecture in the shape its configuration says, the
/// tokenizer, the template. The error is the one loading would give.
Status CheckChatModel(const std::string& path);

}  // namespace hadal::inference
