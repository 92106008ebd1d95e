#include "inference/sampling/logprobs.h"

#include <cmath>

namespace hadal::inference {
namespace {

TEST(Logprobs, AreTheLogarithmsOfTheModelsProbabilities) {
  const std::vector<float> logits = {std::log(0.1f) + 7, std::log(0.6f) + 7, std::log(0.3f) + 7};
  const TokenLogprobs result = LogprobsOf(logits, 0, 2);
  EXPECT_NEAR(result.logprob, std::log(0.1), 1e-6);
  ASSERT_EQ(result.top.size(), 2u);
  EXPECT_EQ(result.top[0].token, 1);
  EXPECT_NEAR(result.top[0].logprob, std::log(0.6), 1e-6);
  EXPECT_EQ(result.top[1].token, 2);
}

TEST(Logprobs, EqualOnesByIdAndNoMoreThanThereAre) {
  const TokenLogprobs result = LogprobsOf({1, 2, 2}, 2, 20);
  ASSERT_EQ(result.top.size(), 3u);
  EXPECT_EQ(result.top[0].token, 1);
  EXPECT_EQ(result.top[1].token, 2);
  EXPECT_EQ(result.top[0].logprob, result.logprob);
  EXPECT_TRUE(LogprobsOf({1, 2, 2}, 2, 0).top.empty());
}

}  // namespace
}  // namespace hadal::inference
