#include "inference/sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "inference/sampling/logit_row.h"

namespace hadal::inference {
namespace {

double LogOfSumOfExp(const Device& device, const LogitRow& row) {
  std::vector<float> sums(NumLogitBlocks(row.logits().size()));
  BlockExpSums(device, row.logits(), row.largest(), /*scale=*/1.0f, absl::MakeSpan(sums));
  return row.largest() + std::log(std::accumulate(sums.begin(), sums.end(), 0.0));
}

}  // namespace

StatusOr<TokenLogprobs> LogprobsOf(const Device& device, absl::Span<const float> logits,
                                   int32_t token, int32_t top) {
  LogitRow row(device);
  RETURN_IF_ERROR(row.Read(logits));
  const double normalizer = LogOfSumOfExp(device, row);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(logits[static_cast<size_t>(id)] - normalizer);
  };
  TokenLogprobs result{logprob(token), {}};
  if (top == 0) return result;
  std::vector<int32_t> ids;
  row.FindAtLeast(row.BoundOfBest(static_cast<size_t>(top)), &ids);
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
