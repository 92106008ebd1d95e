#include "retrieval/parse/characters.h"

#include <algorithm>

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

bool In(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

}  // namespace

bool IsLayoutSpace(char32_t c) {
  return c == ' ' || In(c, 0x09, 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool IsControl(char32_t c) {
  if (IsLayoutSpace(c)) return false;
  return c < 0x20 || In(c, 0x7F, 0x9F) || In(c, 0xFDD0, 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

bool IsInvisibleFormat(char32_t c) {
  if (c == 0xAD || c == 0x061C || c == 0x180E || c == 0xFEFF) return true;
  return c == 0x200B || c == 0x200E || c == 0x200F || In(c, 0x202A, 0x202E) ||
         In(c, 0x2060, 0x206F) || In(c, 0xFFF9, 0xFFFB) || In(c, 0xE0000, 0xE007F);
}

bool IsCjk(char32_t c) {
  return In(c, 0x2E80, 0x9FFF) || In(c, 0xAC00, 0xD7AF) || In(c, 0xF900, 0xFAFF) ||
         In(c, 0xFE30, 0xFE4F) || In(c, 0xFF00, 0xFFEF) || In(c, 0x20000, 0x3FFFD) ||
         In(c, 0x1100, 0x11FF);
}

bool IsCjkTerminal(char32_t c) {
  return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF1B || c == 0x2026 || c == 0xFF61;
}

bool IsSpace(char32_t c) {
  return IsLayoutSpace(c) || c == 0xA0 || c == 0x1680 || In(c, 0x2000, 0x200A) || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

int64_t CountCharacters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool HasVisible(std::string_view utf8) {
  while (!utf8.empty()) {
    const DecodedChar c = DecodeUtf8(utf8);
    if (!IsSpace(c.code_point) && !IsControl(c.code_point) && !IsInvisibleFormat(c.code_point) &&
        !(c.code_point == 0x200C || c.code_point == 0x200D)) {
      return true;
    }
    utf8.remove_prefix(c.size_bytes);
  }
  return false;
}

}  // namespace hadal::retrieval
