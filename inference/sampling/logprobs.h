#pragma once

#include "absl/types/span.h"
#include "base/status.h"
#include "inference/kernels/device.h"
#include "inference/request.h"

namespace hadal::inference {

/// Log probabilities (natural, temperature 1) of `token` and of the `top` best tokens, best first,
/// equal ones by id, under `logits` [vocabulary] as the model gave them. INTERNAL when one is NaN
/// or +inf. The same bits on every CPU but for the logarithm's. Thread-safe.
StatusOr<TokenLogprobs> LogprobsOf(const Device& device, absl::Span<const float> logits,
                                   int32_t token, int32_t top);

}  // namespace hadal::inference
