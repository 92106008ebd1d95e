#include "retrieval/parse/mime_encoding.h"

#include <cstdint>

namespace hadal::retrieval {
namespace {

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Length of a line end at the front of `text` with the blanks before it, 0 without one.
size_t LineEnd(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t");
  if (at == std::string_view::npos) return 0;
  if (text[at] == '\n') return at + 1;
  return text.substr(at, 2) == "\r\n" ? at + 2 : 0;
}

}  // namespace

std::string DecodeBase64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') count = 0;  // padding: a new run may follow
    const int digit = Base64Digit(c);
    if (digit < 0) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return bytes;
}

std::string DecodeQuotedPrintable(std::string_view text, bool underscores) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '_' && underscores) {
      bytes.push_back(' ');
      continue;
    }
    if (text[at] == '=') {
      if (const size_t soft = LineEnd(text.substr(at + 1)); soft > 0) {
        at += soft;
        continue;
      }
      if (at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 && HexDigit(text[at + 2]) >= 0) {
        bytes.push_back(static_cast<char>(HexDigit(text[at + 1]) << 4 | HexDigit(text[at + 2])));
        at += 2;
        continue;
      }
    }
    bytes.push_back(text[at]);
  }
  return bytes;
}

}  // namespace hadal::retrieval
