#include "retrieval/clean/min_hash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>

namespace hadal::retrieval {
namespace {

TEST(MinHashTest, IsStoredAndSoNeverChanges) {
  const MinHashSignature signature = SignatureOf(U"主变压器检修规程 transformer maintenance");
  ASSERT_EQ(signature.size(), kSignatureSize);
  // As a program in another language computes them from the header's words.
  EXPECT_EQ(signature[0], 112926406u);
  EXPECT_EQ(signature[64], 193299991u);
  EXPECT_EQ(signature[127], 14443280u);
}

TEST(MinHashTest, BlanksAndPunctuationDoNotCount) {
  EXPECT_EQ(SignatureOf(U"主变压器，检修 规程。"), SignatureOf(U"主变压器检修规程"));
  EXPECT_EQ(SignatureOf(U"a transformer is repaired"),
            SignatureOf(U"a  transformer, is repaired!"));
  EXPECT_NE(SignatureOf(U"a transformer is repaired"), SignatureOf(U"atransformer is repaired"));
}

TEST(MinHashTest, ShortTexts) {
  EXPECT_TRUE(SignatureOf(U"").empty());
  EXPECT_TRUE(SignatureOf(U" ，。").empty());
  EXPECT_EQ(SignatureOf(U"检修").size(), kSignatureSize);
  EXPECT_EQ(SignatureSimilarity(SignatureOf(U"检修"), SignatureOf(U"检修")), 1);
  EXPECT_EQ(SignatureSimilarity(SignatureOf(U"检修"), {}), 0);
}

/// The share of distinct 4-grams in common.
double Jaccard(const std::u32string& a, const std::u32string& b) {
  const auto shingles = [](const std::u32string& text) {
    std::set<std::u32string> set;
    for (size_t i = 0; i + 4 <= text.size(); ++i) set.insert(text.substr(i, 4));
    return set;
  };
  const auto left = shingles(a);
  const auto right = shingles(b);
  size_t common = 0;
  for (const std::u32string& shingle : left) common += right.count(shingle);
  return static_cast<double>(common) / static_cast<double>(left.size() + right.size() - common);
}

TEST(MinHashTest, EstimatesTheShareInCommon) {
  std::mt19937 random(7);
  double error = 0;
  constexpr int kTurns = 60;
  for (int turn = 0; turn < kTurns; ++turn) {
    std::u32string text;
    for (int i = 0; i < 800; ++i) text += static_cast<char32_t>(0x4E00 + random() % 3000);
    std::u32string other = text;
    for (int edits = turn * 3; edits > 0; --edits) {
      other[random() % other.size()] = static_cast<char32_t>(0x4E00 + random() % 3000);
    }
    const double truth = Jaccard(text, other);
    const double estimate = SignatureSimilarity(SignatureOf(text), SignatureOf(other));
    EXPECT_NEAR(estimate, truth, 0.2);
    error += estimate - truth;
  }
  // Unbiased: the mean error of 60 estimates has a standard deviation of at most 0.006.
  EXPECT_NEAR(error / kTurns, 0, 0.025);
}

}  // namespace
}  // namespace hadal::retrieval
