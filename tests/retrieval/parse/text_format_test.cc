#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/formats.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

TEST(TextFormatTest, LinesAreParagraphs) {
  EXPECT_EQ(Shown(ParseText("第一行\r\n第二行\n\n  third\tline \r last")),
            "P 第一行\nP 第二行\nP third line\nP last\n");
}

TEST(TextFormatTest, JoinsLinesBrokenByAMargin) {
  EXPECT_EQ(Shown(ParseText("The shift supervisor is the incident commander until the fire\n"
                            "service takes over and the commander wears a yellow vest at all\n"
                            "times.\nNext one.\n")),
            "P The shift supervisor is the incident commander until the fire service takes over "
            "and the commander wears a yellow vest at all times.\nP Next one.\n");
}

TEST(TextFormatTest, KeepsColumnsAndItemsApart) {
  const std::string log =
      "2025-07-01 08:00:00  ROOM-A  temperature 23.5  humidity 45 percent here\n"
      "2025-07-01 08:05:00  ROOM-A  temperature 23.6  humidity 45 percent here\n";
  EXPECT_EQ(ParseText(log).document().blocks_size(), 2);
  EXPECT_EQ(ParseText("1. First thing to be done by the officer who is on duty today\n"
                      "2. Second thing to be done by the officer who is on duty today\n")
                .document()
                .blocks_size(),
            2);
}

TEST(TextFormatTest, ReadsGb18030AfterMuchAscii) {
  // 巡检 in GB18030, after more ASCII than a sniffer would read.
  const std::string text = std::string(5000, 'a') + "\n\xD1\xB2\xBC\xEC\n";
  const ParseOutcome outcome = ParseText(text);
  ASSERT_TRUE(outcome.has_document());
  EXPECT_EQ(outcome.document().encoding(), "gb18030");
  EXPECT_EQ(outcome.document().blocks(1).text(), "巡检");
}

TEST(TextFormatTest, ReadsUtf16WithAMark) {
  EXPECT_EQ(Shown(ParseText(std::string("\xFF\xFE\x2D\x4E\x87\x65\n\0", 8))), "P 中文\n");
  EXPECT_EQ(Shown(ParseText(std::string("\xFE\xFF\x4E\x2D\xD8\x3D\xDE\x00", 8))), "P 中😀\n");
  EXPECT_EQ(Shown(ParseText("\xEF\xBB\xBFmark")), "P mark\n");
}

TEST(TextFormatTest, ReplacesFewBrokenBytesAndSaysHowMany) {
  const ParseOutcome outcome = ParseText("巡查员编号为5527\n第二\xFF\xFE行还是好的\n第三行也好");
  ASSERT_TRUE(outcome.has_document()) << outcome.rejection().message();
  EXPECT_EQ(outcome.document().blocks(0).text(), "巡查员编号为5527");
  ASSERT_EQ(outcome.document().warnings_size(), 1);
  EXPECT_THAT(outcome.document().warnings(0), ::testing::HasSubstr("2 bytes"));
}

TEST(TextFormatTest, RefusesNoiseAtEveryLength) {
  std::mt19937 random(7);
  for (const size_t size : {64u, 1000u, 65536u}) {
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_EQ(Shown(ParseText(noise)), "! not_text") << size;
  }
  EXPECT_EQ(Shown(ParseText(std::string(100, '\0'))), "! not_text");
}

TEST(TextFormatTest, RefusesNothingButBlanks) {
  EXPECT_EQ(Shown(ParseText(" \n\t\n\u3000\u200b\n")), "! empty");
}

TEST(TextFormatTest, RemovesAndReportsInvisibleCharacters) {
  const ParseOutcome outcome =
      ParseText("可\u200b见\u202e文\U000E0041本\x01 o\u200d\u200ck 忽\u200c略 👩\u200d🚒 क्\u200dष");
  EXPECT_EQ(outcome.document().blocks(0).text(), "可见文本 ok 忽略 👩\u200d🚒 क्\u200dष");
  ASSERT_EQ(outcome.document().warnings_size(), 2);
  EXPECT_THAT(outcome.document().warnings(0), ::testing::HasSubstr("6 zero-width"));
}

TEST(TextFormatTest, ShowsWhatIsThereAsItIs) {
  EXPECT_EQ(Shown(ParseText("ＡＢＣ　①　㎡　臺灣　ﬁ")), "P ＡＢＣ　①　㎡　臺灣　ﬁ\n");
}

TEST(CharsetTest, DeclaredSetIsTriedStrictly) {
  // 臺灣 in Big5.
  ASSERT_OK_AND_ASSIGN(const DecodedText text, DecodeText("\xBB\x4F\xC6\x57", "big5"));
  EXPECT_EQ(text.utf8, "臺灣");
  // A wrong declaration changes nothing about valid UTF-8.
  ASSERT_OK_AND_ASSIGN(const DecodedText utf8, DecodeText("臺灣", "big5"));
  EXPECT_EQ(utf8.utf8, "臺灣");
}

TEST(CharsetTest, WhateverComesOutIsValidUtf8) {
  std::mt19937 random(11);
  for (int turn = 0; turn < 2000; ++turn) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(turn % 2 == 0 ? random() : 0x20 + random() % 0x60);
    if (!bytes.empty() && turn % 3 == 0) bytes[random() % bytes.size()] = '\xE4';
    const StatusOr<DecodedText> text = DecodeText(bytes);
    if (text.ok()) {
      EXPECT_TRUE(IsValidUtf8(text->utf8)) << turn;
    }
  }
}

}  // namespace
}  // namespace hadal::retrieval
