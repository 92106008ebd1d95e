#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inference/constraint.h"
#include "inference/engine/prompt_lookup.h"
#include "inference/engine/stream_channel.h"
#include "inference/kv/block_pool.h"
#include "inference/request.h"
#include "inference/sampling/text_stream.h"

namespace hadal::inference {

/// One choice of a request while the engine has it. Made by the submitting thread, from then on
/// confined to the engine thread; only `channel` is shared.
struct Sequence {
  /// Choice 0, and as its forks the others.
  Sequence(const GenerateRequest& the_request, std::shared_ptr<StreamChannel> the_channel)
      : Sequence(the_request, std::move(the_channel), 0) {
    for (int32_t k = 1; k < request.n; ++k) {
      forks.push_back(std::unique_ptr<Sequence>(new Sequence(the_request, channel, k)));
    }
  }

  int32_t num_tokens() const { return static_cast<int32_t>(tokens.size()); }
  int32_t num_prompt() const { return static_cast<int32_t>(request.prompt_tokens.size()); }
  /// Tokens that may still be generated; at least 1 while it runs.
  int32_t num_left() const { return request.sampling.max_tokens - num_generated(); }
  int32_t num_generated() const { return num_tokens() - num_prompt(); }
  /// Tokens the decoder has to run before the next one can be sampled; at least 1.
  int32_t num_pending() const { return num_tokens() - num_computed; }
  /// The K and V of all the prompt are in `blocks`.
  bool prompt_computed() const { return num_computed >= num_prompt(); }
  bool shares_blocks() const { return !prefix_key.empty(); }
  /// Its blocks are worth keeping for others when it ends.
  bool keeps_blocks() const { return !request.cache_namespace.empty(); }

  const GenerateRequest request;  ///< sampling.seed is the choice's own
  const int32_t choice;
  const std::shared_ptr<StreamChannel> channel;
  std::vector<int32_t> tokens;       ///< the prompt, then what was generated
  int32_t num_computed = 0;          ///< tokens whose K and V are in `blocks`
  std::optional<BlockTable> blocks;  ///< set while running
  /// In the prefix index: the cache namespace or, of a request with several choices and none, its
  /// own; empty: not in the index.
  std::string prefix_key;
  /// The choices that wait for this one to run the prompt, whose blocks they then share.
  std::vector<std::unique_ptr<Sequence>> forks;
  int32_t expanded_tokens = 0;  ///< SequenceSlice::expanded_tokens, from the prompt's length
  std::vector<int32_t> draft;   ///< guessed to follow `tokens`, for the next step only
  PromptLookup lookup;
  DraftLength drafter_length;           ///< of the Drafter's guesses
  DraftLength* draft_length = nullptr;  ///< of whoever guessed `draft`
  std::optional<int32_t> predicted;     ///< by the prediction layer: the token to come
  int32_t num_drafter_computed = 0;     ///< tokens a draft model has in its cache
  std::optional<ConstraintState> constraint;  ///< behind the generated tokens
  TextStream text;
  std::vector<int32_t> unsent_tokens;  ///< generated, text held back
  std::vector<TokenLogprobs> unsent_logprobs;
  bool admitted = false;    ///< its request was running at least once
  int32_t num_cached = 0;   ///< prompt tokens found in the prefix index then
  int32_t num_charged = 0;  ///< generated tokens its tenant was charged for
  // Its place among others, kept by Scheduler and WaitingQueue.
  int64_t arrival = 0;      ///< of its request
  int64_t waits_since = 0;  ///< step
  int64_t urgency = 0;      ///< when it started to run: priority, and a class for long waiting

 private:
  Sequence(GenerateRequest the_request, std::shared_ptr<StreamChannel> the_channel,
           int32_t the_choice)
      : request(OfChoice(std::move(the_request), the_choice)),
        choice(the_choice),
        channel(std::move(the_channel)),
        tokens(request.prompt_tokens),
        text(request.sampling.stop) {
    if (request.constraint != nullptr) constraint.emplace(request.constraint);
  }

  static GenerateRequest OfChoice(GenerateRequest request, int32_t choice) {
    request.sampling.seed = ChoiceSeed(request.sampling.seed, choice);
    return request;
  }
};

/// Moves those of `from`, and of their forks, for which `leaves(sequence)` holds to `removed`; the
/// others keep their order.
template <typename Sequences, typename Predicate>
void MoveIf(Sequences& from, Predicate& leaves, std::vector<std::unique_ptr<Sequence>>& removed) {
  Sequences kept;
  for (auto& sequence : from) {
    if (!sequence->forks.empty()) MoveIf(sequence->forks, leaves, removed);
    (leaves(std::as_const(*sequence)) ? removed.emplace_back() : kept.emplace_back()) =
        std::move(sequence);
  }
  from = std::move(kept);
}

}  // namespace hadal::inference
