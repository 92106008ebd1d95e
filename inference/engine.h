#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status.h"
#include "inference/kv_dtype.h"
#include "inference/request.h"

namespace hadal::inference {

class Decoder;
class Tokenizer;

struct EngineOptions {
  int32_t kv_blocks = 0;  ///< 0: sized from kv_cache_bytes
  int64_t kv_cache_bytes = int64_t{512} << 20;
  int32_t block_size = 16;         ///< tokens per KV block
  KvDtype kv_dtype = KvDtype::kF16;  ///< of the model's cache and of a draft model's
  int32_t max_running = 16;        ///< sequences in one batch
  int32_t max_waiting = 256;       ///< over it Submit() is RESOURCE_EXHAUSTED
  int32_t max_batch_tokens = 512;  ///< of one Step(): chunked prefill
  /// Guessed tokens fill a step of fewer generating sequences up to so many rows; 0: none. The
  /// guesses are what followed the same words earlier, or else those of a draft model or of the
  /// model's prediction layer. The model checks them: tokens stay the same. With many rows a guess
  /// costs more than it saves, docs/measurements/speculation.md.
  int32_t speculation_rows = 8;
  /// Latent attention takes the expanded form in aligned chunks of so many prompt tokens that lie
  /// wholly in the prompt, whole KV blocks; 0: nowhere. Worth it where max_batch_tokens is as many
  /// and at least 512, docs/measurements/mla-prefill.md. The decoder is loaded for it.
  int32_t expanded_prefill = 0;
  /// A request that waits for so many steps is as urgent as one of the next higher priority. Less
  /// of it, and in an overload tenants take turns rather than get equal shares of tokens.
  int32_t aging_steps = 1024;
  /// Deltas a slow reader may lag behind, for each choice, before it is cancelled.
  int32_t stream_capacity = 1024;
  /// Checkpoint of a model with the same tokenizer that drafts, which LoadChatModel() loads and
  /// gives to Create(); empty: none.
  std::string draft;
};

struct EngineStats {
  int32_t running = 0;
  int32_t waiting = 0;
  int32_t free_blocks = 0;
  int32_t total_blocks = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t preemptions = 0;
  int64_t drafted_tokens = 0;   ///< guessed ahead of the model
  int64_t accepted_tokens = 0;  ///< of these, the ones the model chose too
};

/// The reader's end of one generation, of all its choices. Destroying it cancels. Thread-safe.
class GenerationStream {
 public:
  virtual ~GenerationStream() = default;
  /// The next delta of any choice; waits until `deadline`. nullopt when every choice has had its
  /// delta with finished = true, or on time-out (then Next() may be called again).
  virtual std::optional<GenerateDelta> Next(absl::Time deadline = absl::InfiniteFuture()) = 0;
  /// The sequences leave the next batch and their blocks are freed.
  virtual void Cancel() = 0;
  /// The same for one choice; the others go on.
  virtual void Cancel(int32_t choice) = 0;
};

/// Runs one decoder for many requests at once: continuous batching over a paged KV cache. One
/// engine thread owns all scheduler state. The tokens of a request do not depend on what else runs.
/// Thread-safe.
class Engine {
 public:
  /// The engine runs `decoder` from its own thread; nobody else may meanwhile. `clock` tells when a
  /// deadline has passed (nullptr: the system's). `draft`: a smaller model over the same token ids
  /// that guesses ahead, or nullptr; its cache is part of kv_cache_bytes. INVALID_ARGUMENT naming
  /// the option and its range, RESOURCE_EXHAUSTED when the KV cache cannot be had.
  static StatusOr<std::unique_ptr<Engine>> Create(const EngineOptions& options,
                                                  std::shared_ptr<Decoder> decoder,
                                                  std::shared_ptr<const Tokenizer> tokenizer,
                                                  std::shared_ptr<const Clock> clock = nullptr,
                                                  std::shared_ptr<Decoder> draft = nullptr);
  /// Ends what still runs with UNAVAILABLE. Streams may outlive the engine.
  virtual ~Engine() = default;

  /// INVALID_ARGUMENT (empty prompt, token outside the vocabulary, prompt longer than the context,
  /// bad sampling, more choices than can run), RESOURCE_EXHAUSTED (queue full, or the request can
  /// never fit the KV cache).
  virtual StatusOr<std::unique_ptr<GenerationStream>> Submit(GenerateRequest request) = 0;
  virtual EngineStats Stats() const = 0;
};

}  // namespace hadal::inference
