#include "base/utf8.h"

#include <algorithm>

namespace hadal {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Bytes that a character starting with `lead` has; 0 when no character starts so.
int SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Second bytes are restricted so that overlong forms, surrogates and values past U+10FFFF fail.
bool SecondByteAllowed(uint8_t lead, uint8_t second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return (second & 0xC0) == 0x80;
  }
}

}  // namespace

DecodedChar DecodeUtf8(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const int length = SequenceLength(lead);
  if (length == 1) return {lead, 1, true};
  if (length == 0) return {kReplacementCharacter, 1, false};
  char32_t code_point = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    const bool present = static_cast<size_t>(i) < text.size();
    const bool allowed = present && (i == 1 ? SecondByteAllowed(lead, static_cast<uint8_t>(text[1]))
                                            : IsContinuation(text[static_cast<size_t>(i)]));
    if (!allowed) return {kReplacementCharacter, static_cast<uint8_t>(i), false};
    code_point = (code_point << 6) | (static_cast<uint8_t>(text[static_cast<size_t>(i)]) & 0x3F);
  }
  return {code_point, static_cast<uint8_t>(length), true};
}

void AppendUtf8(char32_t code_point, std::string& out) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
    code_point = kReplacementCharacter;
  }
  if (code_point < 0x80) {
    out.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    out.push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else if (code_point < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    out.push_back(static_cast<char>(0x80 | ((code_point >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  }
}

size_t ValidUtf8Prefix(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const DecodedChar c = DecodeUtf8(text.substr(offset));
    if (!c.valid) return offset;
    offset += c.size_bytes;
  }
  return offset;
}

size_t CompleteUtf8Prefix(std::string_view text) {
  // At most three bytes can belong to a character whose end is still to come.
  const size_t window = std::min<size_t>(3, text.size());
  for (size_t back = 1; back <= window; ++back) {
    const char c = text[text.size() - back];
    if (IsContinuation(c)) continue;
    const int length = SequenceLength(static_cast<uint8_t>(c));
    return static_cast<size_t>(length) > back ? text.size() - back : text.size();
  }
  return text.size();
}

std::string SanitizeUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    AppendUtf8(c.code_point, out);
    text.remove_prefix(c.size_bytes);
  }
  return out;
}

}  // namespace hadal
