#include "inference/sampling/logit_adjuster.h"

#include <limits>

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

TEST(LogitAdjuster, LeavesLogitsAloneWhereNothingIsAsked) {
  const std::vector<float> logits = {1, 2, 3};
  LogitAdjuster adjuster;
  EXPECT_EQ(adjuster.Adjust(logits, {}, {0, 1, 2}, 1).data(), logits.data());
}

TEST(LogitAdjuster, CountsWhatWasGeneratedAndNotThePrompt) {
  SamplingParams params;
  params.presence_penalty = 1;
  params.frequency_penalty = 0.5f;
  LogitAdjuster adjuster;
  EXPECT_THAT(adjuster.Adjust(std::vector<float>{4, 4, 4, 4}, params, {0, 0, 1, 2, 1}, 2),
              ElementsAre(4, 2, 2.5f, 4));
}

TEST(LogitAdjuster, RepetitionCoversThePromptAndFollowsTheSign) {
  SamplingParams params;
  params.repetition_penalty = 2;
  LogitAdjuster adjuster;
  EXPECT_THAT(adjuster.Adjust(std::vector<float>{4, -4, 4, -4}, params, {0, 1, 1, 0}, 2),
              ElementsAre(2, -8, 4, -4));
}

TEST(LogitAdjuster, BiasComesLast) {
  SamplingParams params;
  params.repetition_penalty = 2;
  params.logit_bias = {{0, 100}, {3, -100}};
  const float never = -std::numeric_limits<float>::infinity();
  LogitAdjuster adjuster;
  EXPECT_THAT(adjuster.Adjust(std::vector<float>{4, never, 4, 1}, params, {0, 1}, 2),
              ElementsAre(102, never, 4, -99));
}

}  // namespace
}  // namespace hadal::inference
