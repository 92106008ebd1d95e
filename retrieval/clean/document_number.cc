#include "retrieval/clean/document_number.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "retrieval/clean/dates.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxCode = 20;
constexpr size_t kMaxSerialDigits = 5;

// As folded: full-width forms and presentation forms are plain by now.
constexpr std::u32string_view kOpen = U"[(〔【{<〈《「『〖";
constexpr std::u32string_view kClose = U"])〕】}>〉》」』〗";

bool IsAny(char32_t c, std::u32string_view set) { return set.find(c) != std::u32string_view::npos; }
bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool IsHan(char32_t c) { return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF); }
bool IsBlank(char32_t c) { return c == U' ' || c == U'\t'; }

// Behind these a code begins.
constexpr std::array<std::u32string_view, 28> kWordsBefore = {
    U"根据", U"依据", U"按照", U"依照", U"参照", U"遵照", U"贯彻", U"落实", U"执行", U"印发",
    U"转发", U"废止", U"修订", U"关于", U"文号", U"字号", U"文件", U"详见", U"参见", U"查询",
    U"查找", U"请问", U"的",   U"是",   U"以",   U"由",   U"请",   U"问"};

/// A number in folded text: its code begins at `begin`, its 号 stands before `end`.
struct Parts {
  size_t begin = 0;
  size_t end = 0;
  std::u32string code;
  std::u32string rest;  ///< "[2025]27号"
};

bool IsCode(char32_t c) { return IsHan(c) || IsDigit(c) || (c >= U'a' && c <= U'z'); }

/// The end of the text before `end` without the blanks there; a few, so that the whole is linear.
size_t SkipBlanks(std::u32string_view text, size_t end) {
  for (int n = 0; n < 4 && end > 0 && IsBlank(text[end - 1]); ++n) --end;
  return end;
}

std::u32string_view WithoutZeros(std::u32string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of(U'0'), digits.size() - 1));
}

/// The number that ends with the 号 at `at`. Read backwards: a code has no mark where it begins.
std::optional<Parts> NumberEndingAt(std::u32string_view text, size_t at) {
  size_t i = SkipBlanks(text, at);
  const size_t serial_end = i;
  while (i > 0 && serial_end - i <= kMaxSerialDigits && IsDigit(text[i - 1])) --i;
  const std::u32string_view serial = text.substr(i, serial_end - i);
  if (serial.empty() || serial.size() > kMaxSerialDigits) return std::nullopt;
  i = SkipBlanks(text, i);
  if (i > 0 && text[i - 1] == U'第') i = SkipBlanks(text, i - 1);
  if (i == 0 || !IsAny(text[i - 1], kClose)) return std::nullopt;
  i = SkipBlanks(text, i - 1);
  if (i < 4) return std::nullopt;
  const std::u32string year = YearDigits(text.substr(i - 4, 4));
  i = SkipBlanks(text, i - 4);
  if (year.empty() || i == 0 || !IsAny(text[i - 1], kOpen)) return std::nullopt;
  i = SkipBlanks(text, i - 1);
  const size_t code_end = i;
  bool han = false;
  while (i > 0 && code_end - i < kMaxCode && IsCode(text[i - 1])) han = IsHan(text[--i]) || han;
  if (!han) return std::nullopt;
  Parts parts;
  parts.begin = i;
  parts.end = at + 1;
  parts.code = text.substr(i, code_end - i);
  parts.rest = U"[" + year + U"]" + std::u32string(WithoutZeros(serial)) + U"号";
  return parts;
}

/// Leaves out what stands before the code, as far as words tell.
void StripWordsBefore(Parts& parts) {
  size_t from = 0;
  for (const std::u32string_view word : kWordsBefore) {
    const size_t found = parts.code.rfind(word);
    if (found != std::u32string::npos) from = std::max(from, found + word.size());
  }
  // A code has a Chinese character at least.
  if (std::none_of(parts.code.begin() + static_cast<std::ptrdiff_t>(from), parts.code.end(), IsHan))
    return;
  parts.code.erase(0, from);
  parts.begin += from;
}

std::vector<Parts> Scan(std::u32string_view text) {
  std::vector<Parts> found;
  for (size_t at = text.find(U'号'); at != std::u32string_view::npos;
       at = text.find(U'号', at + 1)) {
    if (std::optional<Parts> parts = NumberEndingAt(text, at)) found.push_back(*std::move(parts));
  }
  return found;
}

std::string ToUtf8(std::u32string_view text) {
  std::string utf8;
  for (const char32_t c : text) AppendUtf8(c, utf8);
  return utf8;
}

std::u32string FromUtf8(std::string_view text) {
  std::u32string decoded;
  for (; !text.empty(); text.remove_prefix(DecodeUtf8(text).size_bytes)) {
    decoded.push_back(DecodeUtf8(text).code_point);
  }
  return decoded;
}

std::u32string_view Trim(std::u32string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string> NormalizeDocumentNumber(const TextFolder& folder,
                                                   std::string_view text) {
  const std::u32string folded = folder.Fold(text);
  const std::u32string_view whole = Trim(folded);
  if (whole.empty() || whole.back() != U'号') return std::nullopt;
  const std::optional<Parts> parts = NumberEndingAt(whole, whole.size() - 1);
  if (!parts || parts->begin != 0) return std::nullopt;
  return ToUtf8(parts->code + parts->rest);
}

std::string NormalizeIdentifier(const TextFolder& folder, std::string_view text) {
  std::string normalized;
  for (const char32_t c : folder.Fold(text)) {
    if (IsBlank(c)) continue;
    AppendUtf8(IsAny(c, kOpen) ? U'[' : IsAny(c, kClose) ? U']' : c, normalized);
  }
  return normalized;
}

std::vector<FoundDocumentNumber> FindDocumentNumbers(const TextFolder& folder,
                                                     std::string_view text) {
  const FoldedText folded = folder.FoldWithOrigins(text);
  std::vector<FoundDocumentNumber> numbers;
  for (Parts& parts : Scan(folded.text)) {
    StripWordsBefore(parts);
    numbers.push_back({ToUtf8(parts.code + parts.rest), folded.Origin(parts.begin, parts.end)});
  }
  return numbers;
}

std::vector<TextSpan> FindDocumentNumber(const TextFolder& folder, std::string_view number,
                                         std::string_view text) {
  const std::u32string wanted = FromUtf8(number);
  const FoldedText folded = folder.FoldWithOrigins(text);
  std::vector<TextSpan> spans;
  for (const Parts& parts : Scan(folded.text)) {
    const std::u32string whole = parts.code + parts.rest;
    // Shorter than its year and serial: no code to tell it from another issuer's.
    if (wanted.size() <= parts.rest.size() || !whole.ends_with(wanted)) continue;
    spans.push_back(folded.Origin(parts.begin + whole.size() - wanted.size(), parts.end));
  }
  return spans;
}

}  // namespace hadal::retrieval
