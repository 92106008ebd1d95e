#include "inference/tokenizer/pre_tokenizer.h"

#include <random>
#include <string>

#include "base/utf8.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using ::testing::ElementsAre;

constexpr PreTokenizer kAll[] = {PreTokenizer::kGpt2, PreTokenizer::kGpt2Digits,
                                 PreTokenizer::kQwen2, PreTokenizer::kLlama3,
                                 PreTokenizer::kDeepSeekV3};

TEST(PreTokenizer, Qwen2) {
  auto split = [](std::string_view text) { return SplitWords(PreTokenizer::kQwen2, text); };
  EXPECT_THAT(split("I'll  go"), ElementsAre("I", "'ll", " ", " go"));
  EXPECT_THAT(split("IT'S"), ElementsAre("IT", "'S"));
  EXPECT_THAT(split("a 123"), ElementsAre("a", " ", "1", "2", "3"));
  EXPECT_THAT(split("x = {\n\n  y"), ElementsAre("x", " =", " {\n\n", " ", " y"));
  EXPECT_THAT(split("变压器，油温"), ElementsAre("变压器", "，油温"));
  EXPECT_THAT(split("end  "), ElementsAre("end", "  "));
  EXPECT_THAT(split(" \n \n x"), ElementsAre(" \n \n", " x"));
  EXPECT_TRUE(split("").empty());
}

TEST(PreTokenizer, DigitsOfOtherFamilies) {
  EXPECT_THAT(SplitWords(PreTokenizer::kLlama3, "12345"), ElementsAre("123", "45"));
  EXPECT_THAT(SplitWords(PreTokenizer::kGpt2, "a 12"), ElementsAre("a", " 12"));
  EXPECT_THAT(SplitWords(PreTokenizer::kGpt2Digits, "a 12"), ElementsAre("a", " ", "1", "2"));
  EXPECT_THAT(SplitWords(PreTokenizer::kGpt2, "IT'S it's"),
              ElementsAre("IT", "'", "S", " it", "'s"));
  EXPECT_THAT(SplitWords(PreTokenizer::kDeepSeekV3, "v12345中文ab"),
              ElementsAre("v", "123", "45", "中文", "ab"));
}

TEST(PreTokenizer, WordsAreTheText) {
  const char32_t alphabet[] = {'a', 'Z', '7', ' ', ' ', '\n', '\r', '\t', '\'', 's', '.', '<', 0xE9,
                               0x301, 0x4E2D, 0x30FB, 0x660, 0x3000, 0x1F600, 0x200D, 0x17F, 0x85};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = static_cast<int>(random() % 24); i > 0; --i) {
      AppendUtf8(alphabet[random() % std::size(alphabet)], text);
    }
    for (PreTokenizer kind : kAll) {
      std::string joined;
      for (std::string_view word : SplitWords(kind, text)) {
        EXPECT_FALSE(word.empty());
        joined += word;
      }
      EXPECT_EQ(joined, text);
    }
  }
}

TEST(PreTokenizer, LongRunsTakeLinearTime) {
  for (const char* unit : {" ", "\n", " \n", "a", "1", "'", "!", " a", "\t "}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    for (PreTokenizer kind : kAll) EXPECT_FALSE(SplitWords(kind, text).empty());
  }
}

}  // namespace
}  // namespace hadal::inference
