#include "inference/model/decoder.h"

#include <utility>

#include "inference/kernels/device.h"
#include "inference/model/models.h"

namespace hadal::inference {

Status Decoder::Draft(absl::Span<const SequenceSlice>, KvCache&, absl::Span<float>) {
  return Unimplemented("{}: no multi-token prediction layer was loaded", config().architecture);
}

KvLayout KvLayoutOf(const ModelConfig& config, const DecoderOptions& options) {
  KvLayout layout;
  layout.num_layers = config.num_layers + (options.draft ? 1 : 0);
  const KvDtype dtype =
      options.mode == ComputeMode::kFloat32 ? KvDtype::kF32 : options.kv_dtype;
  if (config.mla.kv_lora_rank > 0) {
    // One row for all heads, whose beginning is the value.
    layout.k = KvRow::OfLatent(dtype, config.mla.kv_lora_rank, config.mla.qk_rope_head_dim);
  } else {
    layout.k = layout.v = KvRow::OfHeads(dtype, config.num_kv_heads, config.head_dim);
  }
  return layout;
}

StatusOr<std::unique_ptr<Decoder>> LoadDecoder(const Checkpoint& checkpoint,
                                               const DecoderOptions& options,
                                               Device device) {
  const std::string& architecture = checkpoint.config().architecture;
  if (architecture == "qwen2") return LoadQwen2(checkpoint, options, std::move(device));
  if (architecture == "qwen2_moe") return LoadQwen2Moe(checkpoint, options, std::move(device));
  if (architecture == "llama") return LoadLlama(checkpoint, options, std::move(device));
  if (architecture == "deepseek_v2") {
    return LoadDeepseekV2(checkpoint, options, std::move(device));
  }
  if (architecture == "deepseek_v3") {
    return LoadDeepseekV3(checkpoint, options, std::move(device));
  }
  return Unimplemented(
      "no decoder for architecture \"{}\"; there are qwen2, qwen2_moe, llama, deepseek_v2 and "
      "deepseek_v3", architecture);
}

}  // namespace hadal::inference
