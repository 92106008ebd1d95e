#include "inference/sampling/text_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

TEST(TextStream, NeverSplitsACharacter) {
  const std::string text = "核电站 ⚡ é 🙂";
  TextStream stream({});
  std::string shown;
  for (char byte : text) {
    const std::string piece = stream.Append(std::string_view(&byte, 1));
    EXPECT_TRUE(IsValidUtf8(piece));
    shown += piece;
    EXPECT_TRUE(IsValidUtf8(shown));
  }
  EXPECT_EQ(shown + stream.Finish(), text);
}

TEST(TextStream, AnUnfinishedCharacterAtTheEndIsReplaced) {
  TextStream stream({});
  EXPECT_EQ(stream.Append("a\xE4\xB8"), "a");
  EXPECT_EQ(stream.Finish(), "\xEF\xBF\xBD");
}

TEST(TextStream, HoldsBackWhatMayBecomeAStopString) {
  TextStream stream({"<stop>", "END"});
  EXPECT_EQ(stream.Append("hello <st"), "hello ");
  EXPECT_EQ(stream.Append("ep> E"), "<step> ");
  EXPECT_EQ(stream.Append("N"), "");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.Append("Done"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.Append("more"), "");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(TextStream, TheStopThatEndsFirstWinsAndThenTheLongest) {
  TextStream ends_first({"abcdef", "cd"});
  EXPECT_EQ(ends_first.Append("xabcdef"), "xab");
  TextStream longest({"cd", "bcd"});
  EXPECT_EQ(longest.Append("xabcd"), "xa");
}

TEST(TextStream, AHeldPrefixIsShownWhenTheGenerationEnds) {
  TextStream stream({"\n\nUser:"});
  EXPECT_EQ(stream.Append("answer\n\nUse"), "answer");
  EXPECT_EQ(stream.Finish(), "\n\nUse");
}

// Whole text against random cuts: same text, and nothing shown is ever taken back.
TEST(TextStream, DoesNotDependOnTheCuts) {
  std::mt19937 random(11);
  const std::string alphabet[] = {"a", "b", "ab", "中", "文", "\xE4", "\xF0\x9F", "🙂", "\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (uint32_t i = random() % 30; i > 0; --i) text += alphabet[random() % 9];
    std::vector<std::string> stop;
    for (uint32_t i = random() % 3; i > 0; --i) {
      std::string stop_string;
      for (uint32_t j = 1 + random() % 4; j > 0; --j) stop_string += alphabet[random() % 5];
      stop.push_back(stop_string);
    }
    // Byte by byte in plain words: the first end of a stop string cuts the text before it.
    const std::string sane = SanitizeUtf8(text);
    std::string expected = sane;
    bool expect_stop = false;
    for (size_t end = 1; end <= sane.size() && !expect_stop; ++end) {
      for (const std::string& s : stop) {
        if (std::string_view(sane).substr(0, end).ends_with(s)) {
          expected = sane.substr(0, std::min(expect_stop ? expected.size() : end, end - s.size()));
          expect_stop = true;
        }
      }
    }
    TextStream stream(stop);
    std::string shown;
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(1 + random() % 5, text.size() - at);
      shown += stream.Append(std::string_view(text).substr(at, size));
      ASSERT_TRUE(expected.starts_with(shown)) << "round " << round;
      at += size;
    }
    shown += stream.Finish();
    ASSERT_EQ(shown, expected) << "round " << round;
    ASSERT_EQ(stream.stopped(), expect_stop) << "round " << round;
  }
}

}  // namespace
}  // namespace hadal::inference
