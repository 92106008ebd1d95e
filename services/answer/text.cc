#include "services/answer/text.h"

#include <unicode/normalizer2.h>
#include <unicode/translit.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/utf8.h"

namespace hadal::answer {
namespace {

constexpr char32_t kFirstHan = 0x4E00;
constexpr char32_t kLastHan = 0x9FFF;

/// Simplified form of every character of the main CJK block, asked from ICU once.
std::u32string BuildSimplified() {
  std::u32string table;
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::Transliterator> fold(icu::Transliterator::createInstance(
      "Traditional-Simplified", UTRANS_FORWARD, error));
  for (char32_t c = kFirstHan; c <= kLastHan; ++c) {
    icu::UnicodeString one(static_cast<UChar32>(c));
    if (U_SUCCESS(error) && fold != nullptr) fold->transliterate(one);
    table += one.countChar32() == 1 ? static_cast<char32_t>(one.char32At(0)) : c;
  }
  return table;
}

char32_t Simplified(char32_t c) {
  static const std::u32string* const table = new std::u32string(BuildSimplified());
  return c >= kFirstHan && c <= kLastHan ? (*table)[c - kFirstHan] : c;
}

char32_t PlainPunctuation(char32_t c) {
  switch (c) {
    case 0x2010: case 0x2011: case 0x2012: case 0x2013: case 0x2014: case 0x2212:
      return U'-';
    case 0x2018: case 0x2019:
      return U'\'';
    case 0x201C: case 0x201D:
      return U'"';
    default:
      return c;
  }
}

}  // namespace

std::u32string ToCodePoints(std::string_view utf8) {
  std::u32string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const DecodedChar c = DecodeUtf8(utf8);
    out += c.code_point;
    utf8.remove_prefix(c.size_bytes);
  }
  return out;
}

std::string ToUtf8(std::u32string_view code_points) {
  std::string out;
  for (const char32_t c : code_points) AppendUtf8(c, out);
  return out;
}

bool IsCjk(char32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}

bool HasLetters(std::u32string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char32_t c) { return u_isalpha(static_cast<UChar32>(c)) != 0; });
}

bool IsChinese(std::u32string_view text) {
  int64_t cjk = 0;
  int64_t letters = 0;
  for (const char32_t c : text) {
    cjk += IsCjk(c);
    letters += u_isalpha(static_cast<UChar32>(c)) != 0;
  }
  return cjk * 5 >= letters && cjk > 0;
}

std::u32string Fold(std::u32string_view text) {
  static const icu::Normalizer2* const nfkc = [] {
    UErrorCode error = U_ZERO_ERROR;
    return icu::Normalizer2::getNFKCCasefoldInstance(error);
  }();
  const std::string utf8 = ToUtf8(text);
  icu::UnicodeString folded = icu::UnicodeString::fromUTF8(utf8);
  if (nfkc != nullptr) {
    UErrorCode error = U_ZERO_ERROR;
    icu::UnicodeString normalized = nfkc->normalize(folded, error);
    if (U_SUCCESS(error)) folded = std::move(normalized);
  }
  std::u32string out;
  out.reserve(folded.length());
  for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
    out += PlainPunctuation(Simplified(static_cast<char32_t>(folded.char32At(i))));
  }
  return out;
}

namespace {

bool IsBlank(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }
bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// Marks after which a sentence is over whatever follows.
bool EndsSentence(char32_t c) {
  return c == U'。' || c == U'！' || c == U'？' || c == U'；' || c == U'!' || c == U'?';
}

/// "a.m. The" ends nothing, "… EUR 350. Drivers" does.
bool PeriodEndsSentence(std::u32string_view text, size_t at) {
  if (at + 1 < text.size() && !IsBlank(text[at + 1])) return false;
  size_t begin = at;
  while (begin > 0 && !IsBlank(text[begin - 1])) --begin;
  const std::u32string_view word = text.substr(begin, at - begin);
  if (word.size() == 1 && u_isalpha(static_cast<UChar32>(word[0]))) return false;
  if (word.find(U'.') != word.npos && !IsDigit(word.back())) return false;
  for (const std::u32string_view known : {U"No", U"no", U"Art", U"Sec", U"Fig", U"approx", U"vs"}) {
    if (word == known) return false;
  }
  // A number before it may be a list marker ("3. Repair"), but only at the start of the text.
  return !(begin == 0 && std::all_of(word.begin(), word.end(), IsDigit));
}

}  // namespace

std::vector<Span> SplitSentences(std::u32string_view text) {
  std::vector<Span> sentences;
  const auto add = [&](size_t begin, size_t end) {
    while (begin < end && IsBlank(text[begin])) ++begin;
    while (end > begin && IsBlank(text[end - 1])) --end;
    if (end > begin) {
      sentences.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(end)});
    }
  };
  size_t begin = 0;
  size_t line_begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    bool ends = text[i] == U'\n' || EndsSentence(text[i]);
    if (text[i] == U'.') ends = PeriodEndsSentence(text.substr(line_begin), i - line_begin);
    // Closing quotes and brackets belong to the sentence before them.
    while (ends && text[i] != U'\n' && i + 1 < text.size() &&
           (text[i + 1] == U'”' || text[i + 1] == U'’' || text[i + 1] == U'）' ||
            text[i + 1] == U'"' || text[i + 1] == U')')) {
      ++i;
    }
    if (!ends) continue;
    add(begin, i + 1);
    begin = i + 1;
    if (text[i] == U'\n') line_begin = begin;
  }
  add(begin, text.size());
  return sentences;
}

std::vector<std::u32string> SplitCells(std::u32string_view line) {
  constexpr std::u32string_view kSeparator = U" | ";
  std::vector<std::u32string> cells;
  size_t begin = 0;
  for (size_t at = line.find(kSeparator); at != line.npos; at = line.find(kSeparator, begin)) {
    cells.emplace_back(line.substr(begin, at - begin));
    begin = at + kSeparator.size();
  }
  cells.emplace_back(line.substr(begin));
  return cells;
}

int32_t CountCells(std::u32string_view line) {
  return static_cast<int32_t>(SplitCells(line).size());
}

}  // namespace hadal::answer
