#include "inference/sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hadal::inference {

TokenLogprobs LogprobsOf(absl::Span<const float> logits, int32_t token, int32_t top) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double normalizer = largest + std::log(sum);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(logits[static_cast<size_t>(id)] - normalizer);
  };
  TokenLogprobs result{logprob(token), {}};
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const size_t count = std::min(static_cast<size_t>(top), ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [logits](int32_t a, int32_t b) {
                      const float x = logits[static_cast<size_t>(a)];
                      const float y = logits[static_cast<size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  for (size_t i = 0; i < count; ++i) result.top.push_back({ids[i], logprob(ids[i])});
  return result;
}

}  // namespace hadal::inference
