#include "inference/engine/prompt_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PromptLookup, GuessesWhatFollowedTheLatestOccurrence) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.Guess({1, 2, 3, 7, 7, 1, 2, 3, 8, 9, 4, 1, 2, 3}, 3), ElementsAre(8, 9, 4));
}

TEST(PromptLookup, GuessesNothingAfterNewTokens) {
  PromptLookup lookup;
  EXPECT_THAT(lookup.Guess({1, 2}, 8), IsEmpty());
  EXPECT_THAT(lookup.Guess({1, 2, 3, 4, 5, 6}, 8), IsEmpty());
  EXPECT_THAT(lookup.Guess({1, 2, 3, 4, 5, 6, 1, 2, 9}, 8), IsEmpty());
}

TEST(PromptLookup, FollowsASequenceThatGrows) {
  PromptLookup lookup;
  std::vector<int32_t> tokens = {1, 2, 3, 4};
  EXPECT_THAT(lookup.Guess(tokens, 8), IsEmpty());
  for (const int32_t token : {1, 2, 3}) tokens.push_back(token);
  EXPECT_THAT(lookup.Guess(tokens, 2), ElementsAre(4, 1));
  lookup.length().Learn(2, 2);
  tokens.push_back(4);
  tokens.push_back(1);
  EXPECT_THAT(lookup.Guess(tokens, 8), ElementsAre(2, 3, 4, 1));
}

TEST(PromptLookup, GuessesFurtherWhileGuessesHold) {
  PromptLookup lookup;
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 100; ++i) tokens.push_back(i);
  for (int32_t i = 0; i < 3; ++i) tokens.push_back(i);
  size_t last = 0;
  for (int round = 0; round < 3; ++round) {
    const std::vector<int32_t> guess = lookup.Guess(tokens, 50);
    EXPECT_GT(guess.size(), last);
    last = guess.size();
    lookup.length().Learn(static_cast<int32_t>(guess.size()), static_cast<int32_t>(guess.size()));
    tokens.insert(tokens.end(), guess.begin(), guess.end());
  }
}

TEST(PromptLookup, PausesWhereGuessesFail) {
  PromptLookup lookup;
  std::vector<int32_t> tokens = {1, 2, 3, 4};
  int guesses = 0;
  for (int step = 0; step < 200; ++step) {
    for (const int32_t token : {1, 2, 3}) tokens.push_back(token);
    if (lookup.Guess(tokens, 8).empty()) continue;
    ++guesses;
    lookup.length().Learn(4, 0);
  }
  EXPECT_GT(guesses, 3);
  EXPECT_LT(guesses, 20);
}

}  // namespace
}  // namespace hadal::inference
