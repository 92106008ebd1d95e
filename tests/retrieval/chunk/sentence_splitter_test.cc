#include "retrieval/chunk/sentence_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Split(const std::string& text, double max_weight = 600) {
  std::vector<std::string> sentences;
  size_t at = 0;
  for (const Sentence& sentence : SplitSentences(text, max_weight)) {
    EXPECT_EQ(sentence.start_byte, at);
    at = sentence.end_byte;
    sentences.push_back(text.substr(sentence.start_byte, sentence.end_byte - sentence.start_byte));
  }
  EXPECT_EQ(at, text.size());
  return sentences;
}

TEST(SentenceSplitterTest, Chinese) {
  EXPECT_THAT(Split("第一句。第二句！“第三句？”最后"),
              ElementsAre("第一句。", "第二句！", "“第三句？”", "最后"));
  EXPECT_THAT(Split("电压为3.5千伏。"), ElementsAre("电压为3.5千伏。"));
}

TEST(SentenceSplitterTest, English) {
  EXPECT_THAT(Split("It costs 3.5 yuan. Mr. Wu agreed. \"Yes.\" No. 5 e.g. this one! End"),
              ElementsAre("It costs 3.5 yuan. ", "Mr. Wu agreed. ", "\"Yes.\" ",
                          "No. 5 e.g. this one! ", "End"));
}

TEST(SentenceSplitterTest, TooLongSentencesAreCutAtPauses) {
  EXPECT_THAT(Split("一二三四五六，七八九十", 8), ElementsAre("一二三四五六，", "七八九十"));
  EXPECT_THAT(Split("一二三四五六七八九十", 4), ElementsAre("一二三四", "五六七八", "九十"));
}

}  // namespace
}  // namespace hadal::retrieval
