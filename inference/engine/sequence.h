#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "inference/constraint.h"
#include "inference/engine/prompt_lookup.h"
#include "inference/engine/stream_channel.h"
#include "inference/kv/block_pool.h"
#include "inference/request.h"
#include "inference/sampling/text_stream.h"

namespace hadal::inference {

/// One request while the engine has it. Made by the submitting thread, from then on confined to the
/// engine thread; only `channel` is shared.
struct Sequence {
  Sequence(GenerateRequest the_request, std::shared_ptr<StreamChannel> the_channel)
      : request(std::move(the_request)),
        channel(std::move(the_channel)),
        tokens(request.prompt_tokens),
        text(request.sampling.stop) {
    if (request.constraint != nullptr) constraint.emplace(request.constraint);
  }

  int32_t num_tokens() const { return static_cast<int32_t>(tokens.size()); }
  int32_t num_prompt() const { return static_cast<int32_t>(request.prompt_tokens.size()); }
  /// Tokens that may still be generated; at least 1 while it runs.
  int32_t num_left() const { return request.sampling.max_tokens - num_generated(); }
  int32_t num_generated() const { return num_tokens() - num_prompt(); }
  /// Tokens the decoder has to run before the next one can be sampled; at least 1.
  int32_t num_pending() const { return num_tokens() - num_computed; }
  bool shares_blocks() const { return !request.cache_namespace.empty(); }

  const GenerateRequest request;
  const std::shared_ptr<StreamChannel> channel;
  std::vector<int32_t> tokens;       ///< the prompt, then what was generated
  int32_t num_computed = 0;          ///< tokens whose K and V are in `blocks`
  std::optional<BlockTable> blocks;  ///< set while running
  int32_t expanded_tokens = 0;       ///< SequenceSlice::expanded_tokens, from the prompt's length
  std::vector<int32_t> draft;        ///< guessed to follow `tokens`, for the next step only
  PromptLookup lookup;
  std::optional<ConstraintState> constraint;  ///< behind the generated tokens
  TextStream text;
  std::vector<int32_t> unsent_tokens;  ///< generated, text held back
  std::vector<TokenLogprobs> unsent_logprobs;
  bool admitted = false;               ///< was running at least once
  int32_t num_cached = 0;              ///< prompt tokens found in the prefix index then
};

}  // namespace hadal::inference
