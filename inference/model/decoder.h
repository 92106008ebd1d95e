#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "inference/comm/communicator.h"
#include "inference/kernels/device.h"
#include "inference/kv/kv_cache.h"
#include "inference/tensor/matrix_view.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/shard_plan.h"

namespace hadal::inference {

class PlacedExperts;

/// One sequence's part of a batch: `tokens` run at positions position, position + 1, ...
struct SequenceSlice {
  absl::Span<const int32_t> tokens;       ///< not empty; ids inside the vocabulary
  int32_t position = 0;                   ///< tokens already in the cache
  absl::Span<const int32_t> block_table;  ///< blocks for positions [0, position + tokens.size())
  int32_t num_logits = 1;                 ///< logits wanted for the last so many tokens (0: none)
  /// Positions before this one take the expanded form of latent attention, the others the absorbed
  /// one; the same in every slice of a sequence. Without DecoderOptions::expanded_prefill: 0.
  int32_t expanded_tokens = 0;
  int32_t first_row = 0;  ///< of Draft(): which token of the last Forward() made `position`
};

/// A causal language model over a paged KV cache. Batch-invariant: a row of logits depends on its
/// own sequence only, bit for bit, whatever the batch, the chunking and the number of threads (and
/// on the layout of the ranks). Thread-compatible: one Forward() at a time.
///
/// On many ranks Forward() is collective: all call it equally often. Ranks of one tensor-parallel
/// group give the same batch and get the same logits; groups have batches and caches of their own,
/// which may be empty. UNAVAILABLE names a rank that is dead or stuck: no decoder of the group can
/// be used any more.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const KvLayout& kv_layout() const = 0;
  /// Writes K and V of the new tokens into `cache`, and the wanted logits, in order of slices and
  /// tokens, into `logits` [sum of num_logits, vocabulary] f32.
  virtual Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                         absl::Span<float> logits) = 0;

  /// Whether DecoderOptions::draft loaded what Draft() needs.
  virtual bool can_draft() const { return false; }

  /// Multi-token prediction (DeepSeek-V3, arXiv:2412.19437 §2.2): guesses the token after next from
  /// the hidden states of the last Forward(). Token i of a slice is the one that follows position +
  /// i, which was token first_row + i of that batch, all slices counted; logits as in Forward().
  /// The layer has its own place in the cache, which should hold all earlier positions.
  /// UNIMPLEMENTED unless can_draft().
  virtual Status Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
                       absl::Span<float> logits);

  /// The experts that lie on many ranks and may move between two batches, while the Checkpoint the
  /// decoder was loaded from is there; null where none do.
  virtual PlacedExperts* placed_experts() { return nullptr; }
};

enum class ComputeMode {
  kNative,   ///< packed weights as stored, int8 activations where they are quantised: the fast one
  kFloat32,  ///< weights widened to float32, float32 activations and KV: the reference
};

/// Is shown what a forward pass computes inside, for comparison with reference results. Views hold
/// during the call; rows are those of the batch. Called on the thread of Forward().
class DecoderTrace {
 public:
  virtual ~DecoderTrace() = default;
  /// `name`: "embed", "layer.L.attn" and "layer.L.mlp" (before they are added to the residual
  /// stream), "layer.L.out" (the stream), "final_norm" (of the rows whose logits are wanted; of
  /// Draft() "draft_norm").
  virtual void OnHidden(const std::string& name, ConstMatrixView x) = 0;
  /// The gate's logits [rows, experts], and per row the experts, ascending, with their weights.
  virtual void OnRouting(int32_t layer, ConstMatrixView logits, absl::Span<const int32_t> experts,
                         absl::Span<const float> weights) = 0;
};

struct DecoderOptions {
  ComputeMode mode = ComputeMode::kNative;
  KvDtype kv_dtype = KvDtype::kF16;  ///< of the cache; with kFloat32 it is kF32
  bool draft = false;  ///< load the multi-token prediction layer; INVALID_ARGUMENT without one
  /// Latent attention can take the expanded form (ExpandedMlaAttention, SequenceSlice), for which
  /// k_b is kept a second time, in float32. The forms round differently: cached rows are good only
  /// for a sequence whose positions have the same. Nothing in models without latent attention.
  bool expanded_prefill = false;
  DecoderTrace* trace = nullptr;  ///< outlives the decoder
  /// Many ranks compute one model when this is set; outlives the decoder. Its size is layout.ranks.
  Communicator* ranks = nullptr;
  ParallelLayout layout;
  std::vector<ExpertPlacement> placements;  ///< see ShardPlan::Create
  /// How much later than the first one a rank may have loaded its part.
  absl::Duration load_timeout = absl::Minutes(30);
};

/// What a decoder of `config` keeps per token; with tensor parallelism, of its own KV heads.
KvLayout KvLayoutOf(const ModelConfig& config, const DecoderOptions& options);

/// Builds the decoder of config().architecture and packs its weights. UNIMPLEMENTED names the
/// architecture and those there are.
StatusOr<std::unique_ptr<Decoder>> LoadDecoder(const Checkpoint& checkpoint,
                                               const DecoderOptions& options,
                                               Device device);

}  // namespace hadal::inference
