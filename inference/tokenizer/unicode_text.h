#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::inference {

/// Bits of a code point's class, after the Unicode properties regular expressions name.
enum CharClass : uint8_t {
  kLetter = 1,       ///< \p{L}
  kMark = 2,         ///< \p{M}
  kNumber = 4,       ///< \p{N}
  kPunctuation = 8,  ///< \p{P}
  kSymbol = 16,      ///< \p{S}
  kSpace = 32,       ///< \s
  kNewline = 64,     ///< \r or \n
  kOther = 128,      ///< \p{Cc}, \p{Cf} or \p{Co}: control, format, private use
};
uint8_t ClassOf(char32_t code_point);
bool IsNonSpacingMark(char32_t code_point);  ///< \p{Mn}

/// A text with the class and the byte offset of every code point; the last offset is its length.
struct ClassifiedText {
  explicit ClassifiedText(std::string_view utf8);
  size_t size() const { return classes.size(); }
  std::string_view Slice(size_t begin, size_t end) const {
    return text.substr(offsets[begin], offsets[end] - offsets[begin]);
  }
  std::string_view text;
  std::vector<char32_t> code_points;
  std::vector<uint8_t> classes;
  std::vector<size_t> offsets;
};

/// NFC and NFD of valid UTF-8.
std::string ToNfc(std::string_view text);
std::string ToNfd(std::string_view text);
/// Full lower case, independent of locale and context, per code point.
std::string ToLowerCase(std::string_view text);

/// Without the white space (\s) at one end.
std::string_view TrimSpaceLeft(std::string_view text);
std::string_view TrimSpaceRight(std::string_view text);

}  // namespace hadal::inference
