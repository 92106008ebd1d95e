#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::retrieval {

/// White space that lays text out: tab, the newline forms, form feed, U+0020, U+0085, U+2028/9.
/// No-break and ideographic spaces are shown as they are and stay.
bool IsLayoutSpace(char32_t c);
/// C0 and C1 controls and noncharacters, apart from layout white space.
bool IsControl(char32_t c);
/// Characters that show nothing but can hide or reorder text: zero width, bidirectional controls,
/// soft hyphen, interlinear annotation and tag characters. Joiners (U+200C, U+200D) shape some
/// scripts and do not count.
bool IsInvisibleFormat(char32_t c);
/// Han, kana, hangul, bopomofo, CJK punctuation and full-width forms: written without spaces.
bool IsCjk(char32_t c);
/// Ends a sentence by itself: 。！？；…
bool IsCjkTerminal(char32_t c);
/// Any white space, breaking or not.
bool IsSpace(char32_t c);
/// Characters, not bytes.
int64_t CountCharacters(std::string_view utf8);
/// Letters A to Z in lower case; everything else as it is.
std::string LowerAscii(std::string_view text);
/// At least one character that is neither white space nor invisible.
bool HasVisible(std::string_view utf8);

}  // namespace hadal::retrieval
