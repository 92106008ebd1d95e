#pragma once

#include <string>
#include <vector>

#include "inference/kernels/packed_matrix.h"
#include "inference/kernels/device_buffer.h"
#include "inference/model/feed_forward.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

/// Latent attention of one layer. The up-projection of K and V is kept as two matrices a head, in
/// the form absorbed attention multiplies with; GGUF files call them attn_k_b and attn_v_b.
struct MlaWeights {
  PackedMatrix q_a;  ///< [q_lora_rank, hidden]; empty where queries are not compressed
  DeviceBuffer q_a_norm;
  PackedMatrix q_b;   ///< [heads * (nope + rope), q_lora_rank or hidden]
  PackedMatrix kv_a;  ///< [kv_lora_rank + rope, hidden]
  DeviceBuffer kv_a_norm;
  std::vector<PackedMatrix> k_b;  ///< per head [kv_lora_rank, nope]
  std::vector<PackedMatrix> v_b;  ///< per head [v_head_dim, kv_lora_rank]
  /// Per head [nope, kv_lora_rank] f32, k_b transposed; only for DecoderOptions::expanded_prefill.
  std::vector<PackedMatrix> k_up;
  PackedMatrix o;                 ///< [hidden, heads * v_head_dim]
};

struct DeepseekLayer {
  DeviceBuffer attention_norm;
  MlaWeights attention;
  DeviceBuffer ffn_norm;
  FeedForwardWeights feed_forward;
};

/// The multi-token prediction layer, apart from its transformer layer.
struct DeepseekDraft {
  DeviceBuffer embedding_norm, hidden_norm;
  PackedMatrix projection;  ///< [hidden, 2 * hidden], the embedding's part first
  PackedMatrix embedding;   ///< empty where the model's is shared
  PackedMatrix output;      ///< empty where the model's is shared
  DeviceBuffer output_norm;
};

/// Loads what `plan` gives this rank of layer `index`. In PackPrecision::kStored weights keep their
/// bits, those of gates apart (LoadFeedForward). E4M3 scales lie on a grid over all heads; where a
/// head is no multiple of 128 rows high, k_b and v_b are widened to float32.
StatusOr<DeepseekLayer> LoadDeepseekLayer(const Checkpoint& checkpoint, const ShardPlan& plan,
                                          int32_t index, PackPrecision precision,
                                          const Device& device);

/// Loads the rest of the prediction layer `index`; on many ranks its projection is on each of them.
StatusOr<DeepseekDraft> LoadDeepseekDraft(const Checkpoint& checkpoint, const ShardPlan& plan,
                                          int32_t index, PackPrecision precision,
                                          const Device& device);

}  // namespace hadal::inference
