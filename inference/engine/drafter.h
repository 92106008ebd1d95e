#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "inference/engine.h"
#include "inference/engine/scheduler.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

/// Guesses with a model how sequences go on. A guess changes no token: EngineCore keeps of it what
/// the model itself samples; a wrong one costs rows of a step. The caches of drafters are indexed
/// by the sequences' own blocks, so that prefixes, preemption and forks need no care here; what
/// they hold of a block may be missing or another sequence's, which only makes a guess worse.
/// Thread-compatible: confined to the engine thread.
class Drafter {
 public:
  virtual ~Drafter() = default;
  /// Tokens it can guess ahead at most.
  virtual int32_t max_length() const = 0;
  /// Before the model runs `batch`: the draft of the slices with room for one, no longer than that.
  virtual Status Guess(const Batch& batch) = 0;
  /// After it, once tokens were taken from the logits: `batch` without sequences that ended; not
  /// empty.
  virtual Status Follow(const Batch& batch) = 0;
};

/// Guesses one token with the prediction layer of `decoder`, which can_draft() and whose batches
/// run over `cache` (DeepSeek-V3, arXiv:2412.19437 §2.2).
std::unique_ptr<Drafter> MakePredictionLayerDrafter(std::shared_ptr<Decoder> decoder,
                                                    std::shared_ptr<KvCache> cache);

/// Guesses with another, smaller model over the same token ids (arXiv:2211.17192). `cache` is its
/// own, with blocks like those of the model that is served.
std::unique_ptr<Drafter> MakeModelDrafter(std::shared_ptr<Decoder> decoder,
                                          std::shared_ptr<KvCache> cache);

/// What an engine with `options` loads the decoder of `checkpoint` with: among others its
/// prediction layer, where it has one and is to draft with it.
DecoderOptions DecoderOptionsFor(const Checkpoint& checkpoint, const EngineOptions& options);

}  // namespace hadal::inference
