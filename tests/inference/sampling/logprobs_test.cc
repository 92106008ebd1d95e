#include "inference/sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

TokenLogprobs Logprobs(const std::vector<float>& logits, int32_t token, int32_t top) {
  const auto found = LogprobsOf(Device::CallingThread(), logits, token, top);
  EXPECT_OK(found);
  return *found;
}

TEST(Logprobs, AreTheLogarithmsOfTheModelsProbabilities) {
  const std::vector<float> logits = {std::log(0.1f) + 7, std::log(0.6f) + 7, std::log(0.3f) + 7};
  const TokenLogprobs result = Logprobs(logits, 0, 2);
  EXPECT_NEAR(result.logprob, std::log(0.1), 1e-6);
  ASSERT_EQ(result.top.size(), 2u);
  EXPECT_EQ(result.top[0].token, 1);
  EXPECT_NEAR(result.top[0].logprob, std::log(0.6), 1e-6);
  EXPECT_EQ(result.top[1].token, 2);
}

TEST(Logprobs, EqualOnesByIdAndNoMoreThanThereAre) {
  const TokenLogprobs result = Logprobs({1, 2, 2}, 2, 20);
  ASSERT_EQ(result.top.size(), 3u);
  EXPECT_EQ(result.top[0].token, 1);
  EXPECT_EQ(result.top[1].token, 2);
  EXPECT_EQ(result.top[0].logprob, result.logprob);
  EXPECT_TRUE(Logprobs({1, 2, 2}, 2, 0).top.empty());
}

TEST(Logprobs, TheBestOfManyAreTheBest) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0.0f, 4.0f);
  std::vector<float> logits(100'003);
  for (float& logit : logits) logit = normal(random);
  logits[70'000] = logits[30'000] = 40;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  std::vector<float> sorted = logits;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const TokenLogprobs result = Logprobs(logits, 12'345, 20);
  EXPECT_NEAR(result.logprob, logits[12'345] - std::log(sum), 1e-5);
  ASSERT_EQ(result.top.size(), 20u);
  EXPECT_EQ(result.top[0].token, 30'000);
  EXPECT_EQ(result.top[1].token, 70'000);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(logits[static_cast<size_t>(result.top[i].token)], sorted[i]);
    EXPECT_NEAR(result.top[i].logprob, sorted[i] - std::log(sum), 1e-5);
  }
}

TEST(Logprobs, RefuseLogitsThatAreNotNumbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_STATUS(LogprobsOf(Device::CallingThread(), {1, infinity, 2}, 0, 1), kInternal, "token 1");
}

}  // namespace
}  // namespace hadal::inference
