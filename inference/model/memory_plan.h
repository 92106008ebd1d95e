#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

struct MemoryPlanOptions {
  DecoderOptions decoder;           ///< layout, arithmetic; `ranks` and `trace` are not used
  int64_t memory_bytes = 0;         ///< of one rank
  int32_t max_batch_tokens = 8192;  ///< rows of one step
  int32_t max_running = 256;        ///< rows of logits of one step
};

/// What the fullest rank holds, of the multi-token prediction layer too with DecoderOptions::draft,
/// and of experts what DecoderOptions::placements name.
struct MemoryPlan {
  /// From a configuration alone: of the file's part (FP8 or BF16 folders); packing for the CPU adds
  /// at most 3 %. From a checkpoint: as packed.
  int64_t weight_bytes = 0;
  int64_t buffer_bytes = 0;        ///< activations of one step, float32, as if all lived at once
  int64_t kv_bytes_per_token = 0;  ///< on one rank
  int64_t kv_tokens = 0;           ///< beside weights and buffers, of the rank's own sequences
};

/// Adds up, before anything is read, what a model of `config` needs on each rank of a layout. With
/// memory_bytes 0 nothing is refused and kv_tokens is 0.
/// RESOURCE_EXHAUSTED with the numbers when weights and buffers leave no room for one token;
/// INVALID_ARGUMENT when the layout does not fit the model.
StatusOr<MemoryPlan> PlanMemory(const ModelConfig& config, const MemoryPlanOptions& options);

/// The same of a model whose files are there, in any container and type: weights as they are packed
/// for the CPU (a rank whose cut splits blocks of a type widens its part, which is not counted).
/// Encoders keep no KV. UNIMPLEMENTED naming a tensor of a type there are no kernels for.
StatusOr<MemoryPlan> PlanMemory(const Checkpoint& checkpoint, const MemoryPlanOptions& options);

/// What the loaders keep of tensor `name`, of which the rank of `plan` has its part, in bytes.
/// UNIMPLEMENTED as above.
StatusOr<int64_t> PackedBytesOf(const Checkpoint& checkpoint, const std::string& name,
                                const ShardPlan& plan);

/// Whether tensor `name` is of a multi-token prediction layer: they lie behind num_layers.
bool IsOfDraft(const ModelConfig& config, std::string_view name);

}  // namespace hadal::inference
