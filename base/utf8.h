#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
namespace hadal {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedChar {
  char32_t code_point;  ///< U+FFFD when the bytes are invalid
  uint8_t size_bytes;   ///< bytes consumed: 1..4; for invalid input the maximal ill-formed prefix
  bool valid;
};

/// Decodes the character at the front of `text`, which must not be empty.
DecodedChar DecodeUtf8(std::string_view text);

/// Appends `code_point` as UTF-8; a surrogate or a value above U+10FFFF appends U+FFFD.
void AppendUtf8(char32_t code_point, std::string& out);

/// Offset of the first invalid byte, or text.size() when all of it is valid.
size_t ValidUtf8Prefix(std::string_view text);
inline bool IsValidUtf8(std::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

/// Length of the longest prefix that does not end inside a character: what may be sent now.
size_t CompleteUtf8Prefix(std::string_view text);

/// Every invalid sequence replaced by U+FFFD.
std::string SanitizeUtf8(std::string_view text);

}  // namespace hadal
