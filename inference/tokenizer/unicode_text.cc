#include "inference/tokenizer/unicode_text.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "base/check.h"
#include "base/utf8.h"

namespace hadal::inference {
namespace {

std::string Normalized(const icu::Normalizer2* (*instance)(UErrorCode&), std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = instance(error);
  CHECK(U_SUCCESS(error));  // ICU's own data
  CHECK(text.size() <= INT32_MAX);
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  if (normalizer->isNormalizedUTF8(piece, error) && U_SUCCESS(error)) return std::string(text);
  error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  normalizer->normalizeUTF8(0, piece, sink, nullptr, error);
  return U_SUCCESS(error) ? out : std::string(text);
}

}  // namespace

uint8_t ClassOf(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const uint32_t mask = U_MASK(u_charType(c));
  uint8_t bits = 0;
  if (mask & U_GC_L_MASK) bits = kLetter;
  if (mask & U_GC_M_MASK) bits = kMark;
  if (mask & U_GC_N_MASK) bits = kNumber;
  if (mask & U_GC_P_MASK) bits = kPunctuation;
  if (mask & U_GC_S_MASK) bits = kSymbol;
  if (mask & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) bits = kOther;
  if (u_isUWhiteSpace(c)) bits |= kSpace;
  if (code_point == '\r' || code_point == '\n') bits |= kNewline;
  return bits;
}

bool IsNonSpacingMark(char32_t code_point) {
  return u_charType(static_cast<UChar32>(code_point)) == U_NON_SPACING_MARK;
}

ClassifiedText::ClassifiedText(std::string_view utf8) : text(utf8) {
  code_points.reserve(utf8.size());
  classes.reserve(utf8.size());
  offsets.reserve(utf8.size() + 1);
  for (size_t pos = 0; pos < utf8.size();) {
    const DecodedChar c = DecodeUtf8(utf8.substr(pos));
    code_points.push_back(c.code_point);
    classes.push_back(ClassOf(c.code_point));
    offsets.push_back(pos);
    pos += c.size_bytes;
  }
  offsets.push_back(utf8.size());
}

std::string ToNfc(std::string_view text) {
  return Normalized(&icu::Normalizer2::getNFCInstance, text);
}

std::string ToNfd(std::string_view text) {
  return Normalized(&icu::Normalizer2::getNFDInstance, text);
}

std::string ToLowerCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = DecodeUtf8(text.substr(pos));
    pos += c.size_bytes;
    if (c.code_point == 0x130) {  // the one letter whose lower case is two code points
      out += "i\xCC\x87";
    } else {
      AppendUtf8(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c.code_point))), out);
    }
  }
  return out;
}

std::string_view TrimSpaceLeft(std::string_view text) {
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    if (!(ClassOf(c.code_point) & kSpace)) break;
    text.remove_prefix(c.size_bytes);
  }
  return text;
}

std::string_view TrimSpaceRight(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (!(ClassOf(DecodeUtf8(text.substr(start, end - start)).code_point) & kSpace)) break;
    end = start;
  }
  return text.substr(0, end);
}

}  // namespace hadal::inference
