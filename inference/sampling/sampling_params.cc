#include "inference/sampling_params.h"

#include <cmath>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

constexpr size_t kMaxStopStrings = 8;
constexpr size_t kMaxStopBytes = 256;
constexpr size_t kMaxLogitBias = 1024;
constexpr int32_t kMaxLogprobs = 20;

Status CheckPenalty(const char* name, float value) {
  if (value >= -2.0f && value <= 2.0f) return OkStatus();
  return InvalidArgument("{} is {}; it must be between -2 and 2 (0: off)", name, value);
}

Status CheckLogitBias(const std::vector<LogitBias>& biases) {
  if (biases.size() > kMaxLogitBias) {
    return InvalidArgument("logit_bias has {} tokens; at most {} are allowed", biases.size(),
                           kMaxLogitBias);
  }
  int32_t last = -1;
  for (const LogitBias& entry : biases) {
    if (entry.token <= last) {
      return InvalidArgument("logit_bias names token {} after {}; ids must ascend from 0",
                             entry.token, last);
    }
    last = entry.token;
    if (!(entry.bias >= -100.0f && entry.bias <= 100.0f)) {
      return InvalidArgument("logit_bias of token {} is {}; it must be between -100 and 100",
                             entry.token, entry.bias);
    }
  }
  return OkStatus();
}

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
  if (!(params.min_p >= 0.0f && params.min_p < 1.0f)) {
    return InvalidArgument("min_p is {}; it must be 0 (off) or more and below 1", params.min_p);
  }
  if (!(params.repetition_penalty > 0.0f && params.repetition_penalty <= 10.0f)) {
    return InvalidArgument("repetition_penalty is {}; it must be above 0 and at most 10 (1: off)",
                           params.repetition_penalty);
  }
  RETURN_IF_ERROR(CheckPenalty("presence_penalty", params.presence_penalty));
  RETURN_IF_ERROR(CheckPenalty("frequency_penalty", params.frequency_penalty));
  RETURN_IF_ERROR(CheckLogitBias(params.logit_bias));
  if (params.top_logprobs < SamplingParams::kNoLogprobs || params.top_logprobs > kMaxLogprobs) {
    return InvalidArgument("top_logprobs is {}; it must be 0 to {}", params.top_logprobs,
                           kMaxLogprobs);
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
