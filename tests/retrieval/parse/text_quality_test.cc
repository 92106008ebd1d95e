#include "retrieval/parse/text_quality.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

bool Readable(const std::string& text) {
  PdfPage page;
  page.fragments.emplace_back();
  page.fragments.back().text = text;
  return HasReadableText(page);
}

TEST(TextQualityTest, TextIsReadable) {
  EXPECT_TRUE(Readable("第一条 为了规范管理，制定本办法（2025年修订）。"));
  EXPECT_TRUE(Readable("Quarterly report: Zürich, Αθήνα, Москва and 東京 – 12 % up"));
  EXPECT_TRUE(Readable("Хранение документов осуществляется в соответствии с правилами"));
  EXPECT_TRUE(Readable("3.14159 26.5 %"));
}

TEST(TextQualityTest, NothingAndUndefinedCharactersAreNot) {
  EXPECT_FALSE(HasReadableText(PdfPage()));
  EXPECT_FALSE(Readable(" \u3000"));
  EXPECT_FALSE(Readable("\uE001\uE002\uE003a\uE004"));
  EXPECT_FALSE(Readable("\uFFFD\uFFFD\uFFFD 12"));
  EXPECT_FALSE(Readable("\x01\x02\x03\x04"));
}

TEST(TextQualityTest, NumbersOfGlyphsAreNot) {
  std::string glyphs;
  for (char32_t c = 0x0300; c < 0x2000; c += 37) AppendUtf8(c, glyphs);
  EXPECT_FALSE(Readable(glyphs));
}

}  // namespace
}  // namespace hadal::retrieval
