#include "inference/sampling_params.h"

#include <cmath>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

constexpr size_t kMaxStopStrings = 8;
constexpr size_t kMaxStopBytes = 256;

}  // namespace

Status ValidateSamplingParams(const SamplingParams& params) {
  if (!std::isfinite(params.temperature) || params.temperature < 0.0f ||
      params.temperature > 100.0f) {
    return InvalidArgument("temperature is {}; it must be between 0 (greedy) and 100",
                           params.temperature);
  }
  if (params.top_k < 0)
    return InvalidArgument("top_k is {}; it must be 0 (off) or more", params.top_k);
  if (!(params.top_p > 0.0f && params.top_p <= 1.0f)) {
    return InvalidArgument("top_p is {}; it must be above 0 and at most 1 (off)", params.top_p);
  }
  if (params.max_tokens < 1) {
    return InvalidArgument("max_tokens is {}; it must be at least 1", params.max_tokens);
  }
  if (params.stop.size() > kMaxStopStrings) {
    return InvalidArgument("stop has {} strings; at most {} are allowed", params.stop.size(),
                           kMaxStopStrings);
  }
  for (size_t i = 0; i < params.stop.size(); ++i) {
    const std::string& stop = params.stop[i];
    if (stop.empty() || stop.size() > kMaxStopBytes) {
      return InvalidArgument("stop[{}] has {} bytes; 1 to {} are allowed", i, stop.size(),
                             kMaxStopBytes);
    }
    if (!IsValidUtf8(stop)) return InvalidArgument("stop[{}] is not valid UTF-8", i);
  }
  return OkStatus();
}

}  // namespace hadal::inference
