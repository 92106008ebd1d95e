#include "inference/model_plan.h"

#include <algorithm>
#include <memory>

#include "inference/chat.h"
#include "inference/engine/drafter.h"
#include "inference/model/load_weight.h"
#include "inference/model/memory_plan.h"
#include "inference/tokenizer.h"

namespace hadal::inference {
namespace {

constexpr int32_t kEmbedderRows = 1024;  // of one forward pass of the embedder

/// A GGUF file may have the two halves of attn_kv_b apart; the loader takes both.
bool HasSplitKvB(const Checkpoint& checkpoint, const std::string& name) {
  constexpr std::string_view kWhole = "attn_kv_b.weight";
  return name.ends_with(kWhole) && !checkpoint.Has(name) &&
         checkpoint.Has(name.substr(0, name.size() - kWhole.size()) + "attn_k_b.0.weight");
}

Status CheckTensors(const Checkpoint& checkpoint) {
  for (const PlannedTensor& tensor : ShardPlan().Tensors(checkpoint.config())) {
    if (HasSplitKvB(checkpoint, tensor.name)) continue;
    std::vector<int64_t> shape = {tensor.rows};
    if (tensor.cols > 1) shape.push_back(tensor.cols);
    ASSIGN_OR_RETURN(const Weight weight, checkpoint.Get(tensor.name, shape));
    RETURN_IF_ERROR(Annotate(ToElementType(weight.type).status(), tensor.name));
  }
  return OkStatus();
}

}  // namespace

StatusOr<ModelPlan> PlanModel(const std::string& path, const EngineOptions& options, int32_t ranks,
                              int32_t expert_parallel) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(path));
  MemoryPlanOptions wanted;
  wanted.decoder = DecoderOptionsFor(*checkpoint, options);
  const bool encoder = checkpoint->config().architecture == "bert";
  wanted.max_batch_tokens = encoder ? kEmbedderRows : options.max_batch_tokens;
  wanted.max_running = options.max_running;
  ParallelLayout& layout = wanted.decoder.layout;
  layout.ranks = layout.tensor_parallel = ranks;
  layout.expert_parallel = expert_parallel > 0 ? expert_parallel : ranks;
  ASSIGN_OR_RETURN(const MemoryPlan needs, PlanMemory(*checkpoint, wanted));
  ModelPlan plan{.weight_bytes = needs.weight_bytes, .buffer_bytes = needs.buffer_bytes};
  if (needs.kv_bytes_per_token == 0) return plan;
  const int64_t block_bytes = needs.kv_bytes_per_token * options.block_size;
  const int64_t blocks =
      options.kv_blocks > 0 ? options.kv_blocks : options.kv_cache_bytes / block_bytes;
  if (blocks == 0) {
    return InvalidArgument("a KV cache of {} bytes holds no block of {} bytes; raise it",
                           options.kv_cache_bytes, block_bytes);
  }
  plan.kv_bytes = blocks * block_bytes;
  plan.kv_tokens = blocks * options.block_size;
  return plan;
}

Status CheckChatModel(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(path));
  RETURN_IF_ERROR(CheckTensors(*checkpoint));
  RETURN_IF_ERROR(LoadTokenizer(path).status());
  return IdentifyChatTemplate(checkpoint->config().chat_template).status();
}

}  // namespace hadal::inference
