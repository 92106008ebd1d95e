#pragma once

#include "absl/types/span.h"
#include "inference/request.h"

namespace hadal::inference {

/// Log probabilities (natural, temperature 1) of `token` and of the `top` best tokens, best first,
/// equal ones by id, under `logits` [vocabulary] as the model gave them. Thread-safe.
TokenLogprobs LogprobsOf(absl::Span<const float> logits, int32_t token, int32_t top);

}  // namespace hadal::inference
