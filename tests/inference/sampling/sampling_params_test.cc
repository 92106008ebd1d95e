#include "inference/sampling_params.h"

#include <limits>

#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

TEST(ValidateSamplingParams, AcceptsTheDefaultsAndTheLimits) {
  EXPECT_OK(ValidateSamplingParams({}));
  SamplingParams params;
  params.temperature = 100.0f;
  params.top_p = 0.0001f;
  params.top_k = 1 << 30;
  params.stop.assign(8, std::string(256, 'x'));
  EXPECT_OK(ValidateSamplingParams(params));
}

TEST(ValidateSamplingParams, NamesTheFieldThatIsWrong) {
  const auto expect_refused = [](const char* field, auto change) {
    SamplingParams params;
    change(params);
    EXPECT_STATUS(ValidateSamplingParams(params), kInvalidArgument, field);
  };
  expect_refused("temperature", [](auto& p) { p.temperature = -0.1f; });
  expect_refused("temperature",
                 [](auto& p) { p.temperature = std::numeric_limits<float>::quiet_NaN(); });
  expect_refused("temperature",
                 [](auto& p) { p.temperature = std::numeric_limits<float>::infinity(); });
  expect_refused("top_k", [](auto& p) { p.top_k = -1; });
  expect_refused("top_p", [](auto& p) { p.top_p = 0.0f; });
  expect_refused("top_p", [](auto& p) { p.top_p = 1.01f; });
  expect_refused("top_p", [](auto& p) { p.top_p = std::numeric_limits<float>::quiet_NaN(); });
  expect_refused("min_p", [](auto& p) { p.min_p = 1.0f; });
  expect_refused("repetition_penalty", [](auto& p) { p.repetition_penalty = 0.0f; });
  expect_refused("presence_penalty", [](auto& p) { p.presence_penalty = 2.1f; });
  expect_refused("frequency_penalty",
                 [](auto& p) { p.frequency_penalty = std::numeric_limits<float>::quiet_NaN(); });
  expect_refused("logit_bias has 1025", [](auto& p) { p.logit_bias.resize(1025); });
  expect_refused("logit_bias", [](auto& p) { p.logit_bias = {{5, 1}, {5, 1}}; });
  expect_refused("logit_bias of token 5", [](auto& p) { p.logit_bias = {{5, 101}}; });
  expect_refused("top_logprobs", [](auto& p) { p.top_logprobs = 21; });
  expect_refused("max_tokens", [](auto& p) { p.max_tokens = 0; });
  expect_refused("stop has 9", [](auto& p) { p.stop.assign(9, "x"); });
  expect_refused("stop[1]", [](auto& p) { p.stop = {"x", ""}; });
  expect_refused("stop[0] has 257", [](auto& p) { p.stop = {std::string(257, 'x')}; });
  expect_refused("stop[0] is not valid UTF-8", [](auto& p) { p.stop = {"\xE4\xB8"}; });
}

}  // namespace
}  // namespace hadal::inference
