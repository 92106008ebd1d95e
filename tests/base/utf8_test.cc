#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace hadal {
namespace {

TEST(Utf8Test, EveryCodePointRoundTrips) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string bytes;
    AppendUtf8(c, bytes);
    const DecodedChar decoded = DecodeUtf8(bytes);
    ASSERT_TRUE(decoded.valid) << static_cast<uint32_t>(c);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.size_bytes, bytes.size());
  }
}

TEST(Utf8Test, RefusesOverlongSurrogatesAndTooLarge) {
  for (const std::string bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "\xF8\x88\x80\x80\x80", "\x80", "\xE4\xB8", "\xFF"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
    EXPECT_EQ(ValidUtf8Prefix("ok" + bad), 2u);
  }
}

TEST(Utf8Test, CompletePrefixNeverSplitsACharacter) {
  const std::string text = "a\xC3\xA9中\xF0\x9F\x98\x80z";
  for (size_t n = 0; n <= text.size(); ++n) {
    const std::string part = text.substr(0, n);
    const size_t complete = CompleteUtf8Prefix(part);
    EXPECT_TRUE(IsValidUtf8(part.substr(0, complete))) << n;
    EXPECT_LT(n - complete, 4u);
  }
  EXPECT_EQ(CompleteUtf8Prefix(text), text.size());
}

TEST(Utf8Test, SanitizeReplacesEachIllFormedSequence) {
  EXPECT_EQ(SanitizeUtf8("a\xFF" "b\xE4\xB8"), "a\uFFFDb\uFFFD");
  EXPECT_EQ(SanitizeUtf8("中文"), "中文");
}

}  // namespace
}  // namespace hadal
