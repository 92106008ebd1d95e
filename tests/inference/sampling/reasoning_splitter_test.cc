#include "inference/reasoning_splitter.h"

#include <gtest/gtest.h>

#include <random>

namespace hadal::inference {
namespace {

ReasoningSplitter::Piece Split(std::string_view text, bool inside, std::mt19937* random) {
  ReasoningSplitter splitter(inside);
  ReasoningSplitter::Piece all;
  const auto add = [&all](const ReasoningSplitter::Piece& piece) {
    all.reasoning += piece.reasoning;
    all.content += piece.content;
  };
  while (!text.empty()) {
    const size_t size =
        random == nullptr ? text.size() : std::min<size_t>(1 + (*random)() % 6, text.size());
    add(splitter.Append(text.substr(0, size)));
    text.remove_prefix(size);
  }
  add(splitter.Finish());
  return all;
}

struct Case {
  bool inside;
  std::string_view text;
  std::string_view reasoning;
  std::string_view content;
};

constexpr Case kCases[] = {
    {false, "plain answer", "", "plain answer"},
    {false, "", "", ""},
    {false, "<think>\nwhy\n</think>\n\nanswer", "why", "answer"},
    {false, " \n<think>why</think>answer", "why", "answer"},
    {false, "<think></think>answer", "", "answer"},
    {false, "<think>\n\n</think>\n\nanswer", "", "answer"},
    {false, "<think>a < b </thin k></think> x", "a < b </thin k>", "x"},
    {false, "<think>never closed </thi", "never closed </thi", ""},
    {false, "  spaces first", "", "  spaces first"},
    {false, "<thin", "", "<thin"},
    {false, "<thing>", "", "<thing>"},
    {false, "The tag <think> and </think> in an answer", "",
     "The tag <think> and </think> in an answer"},
    {false, "<think>a</think>b<think>c</think>d", "a", "b<think>c</think>d"},
    {false, "<think>first <think> second</think>b", "first <think> second", "b"},
    {true, "why\n</think>\n\nanswer  ", "why", "answer  "},
    {true, "<think>\nwhy</think>answer", "why", "answer"},
    {true, "\n\n</think>answer", "", "answer"},
    {true, "only thoughts\n", "only thoughts", ""},
    {true, "思考\n\n然后</think>\n\n回答", "思考\n\n然后", "回答"},
};

TEST(ReasoningSplitter, SplitsWholeTexts) {
  for (const Case& c : kCases) {
    const auto piece = Split(c.text, c.inside, nullptr);
    EXPECT_EQ(piece.reasoning, c.reasoning) << c.text;
    EXPECT_EQ(piece.content, c.content) << c.text;
  }
}

TEST(ReasoningSplitter, DoesNotDependOnTheCuts) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    for (const Case& c : kCases) {
      const auto piece = Split(c.text, c.inside, &random);
      ASSERT_EQ(piece.reasoning, c.reasoning) << c.text;
      ASSERT_EQ(piece.content, c.content) << c.text;
    }
  }
}

TEST(ReasoningSplitter, RandomTextsDoNotDependOnTheCuts) {
  std::mt19937 random(6);
  const std::string_view parts[] = {"<think>", "</think>", "<", "/", "think>", " ", "\n", "a"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (uint32_t i = random() % 10; i > 0; --i) text += parts[random() % 8];
    const bool inside = random() % 2 == 0;
    const auto whole = Split(text, inside, nullptr);
    const auto cut = Split(text, inside, &random);
    ASSERT_EQ(cut.reasoning, whole.reasoning) << text;
    ASSERT_EQ(cut.content, whole.content) << text;
  }
}

}  // namespace
}  // namespace hadal::inference
