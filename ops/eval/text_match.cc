#include "ops/eval/text_match.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

namespace hadal::eval {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c); }

icu::UnicodeString Folded(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::UnicodeString plain =
      icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(text.size())});
  if (U_FAILURE(error)) return plain;
  icu::UnicodeString folded = nfkc->normalize(plain, error);
  return U_FAILURE(error) ? plain : folded;
}

template <typename Keep>
std::string Filtered(const icu::UnicodeString& text, const Keep& keep) {
  icu::UnicodeString kept;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    if (keep(text.char32At(i))) kept.append(text.char32At(i));
  }
  std::string out;
  kept.toUTF8String(out);
  return out;
}

// Folded, with the separators of thousands and white space taken out.
std::string Flat(std::string_view text) {
  const std::string folded = Filtered(Folded(text), [](UChar32) { return true; });
  std::string joined;
  for (size_t i = 0; i < folded.size(); ++i) {
    const auto digit = [&](size_t at) { return at < folded.size() && IsDigit(folded[at]); };
    const bool separates = (folded[i] == ',' || folded[i] == ' ') && i > 0 && digit(i - 1) &&
                           digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4);
    if (!separates) joined += folded[i];
  }
  return Filtered(Folded(joined), [](UChar32 c) { return u_isUWhiteSpace(c) == 0; });
}

// A number behind which ".0" or "0" changes nothing.
size_t SkipZeros(std::string_view answer, size_t at, bool decimal) {
  if (decimal) {
    while (at < answer.size() && answer[at] == '0') ++at;
    return at;
  }
  size_t zero = at + 1;
  if (at >= answer.size() || answer[at] != '.') return at;
  while (zero < answer.size() && answer[zero] == '0') ++zero;
  return zero > at + 1 ? zero : at;
}

bool StandsAlone(std::string_view answer, size_t begin, std::string_view keyword) {
  if (IsDigit(keyword.front()) && begin > 0) {
    const bool fraction = answer[begin - 1] == '.' && begin > 1 && IsDigit(answer[begin - 2]);
    if (IsDigit(answer[begin - 1]) || fraction) return false;
  }
  if (!IsDigit(keyword.back())) return true;
  const bool number =
      std::all_of(keyword.begin(), keyword.end(), [](char c) { return IsDigit(c) || c == '.'; });
  size_t end = begin + keyword.size();
  if (number) end = SkipZeros(answer, end, keyword.find('.') != keyword.npos);
  if (end >= answer.size()) return true;
  return !IsDigit(answer[end]) &&
         !(answer[end] == '.' && end + 1 < answer.size() && IsDigit(answer[end + 1]));
}

// "no" must not be found in "not" or "know": short English words are looked for as words.
bool HoldsWord(std::string_view answer, std::string_view word) {
  const std::string folded = Filtered(Folded(answer), [](UChar32) { return true; });
  for (size_t at = folded.find(word); at != folded.npos; at = folded.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !IsLetter(folded[at - 1])) &&
        (end == folded.size() || !IsLetter(folded[end]))) {
      return true;
    }
  }
  return false;
}

bool HoldsCell(const std::string& chunk_letters, const std::string& cell) {
  if (chunk_letters.find(LettersOf(cell)) != std::string::npos) return true;
  const size_t point = cell.find('.');
  if (point == std::string::npos || point == 0 || cell.back() != '0') return false;
  const auto digits = [&](size_t from, size_t to) {
    return std::all_of(cell.begin() + static_cast<std::ptrdiff_t>(from),
                       cell.begin() + static_cast<std::ptrdiff_t>(to), IsDigit);
  };
  if (!digits(cell[0] == '-' ? 1 : 0, point) || !digits(point + 1, cell.size())) return false;
  std::string shorter = cell;
  while (shorter.back() == '0') shorter.pop_back();
  return chunk_letters.find(LettersOf(shorter)) != std::string::npos;
}

}  // namespace

std::string LettersOf(std::string_view text) {
  return Filtered(Folded(text), [](UChar32 c) { return u_isalnum(c) != 0; });
}

bool Covers(const std::string& chunk_letters, const Support& support) {
  if (support.cells.empty()) {
    return chunk_letters.find(LettersOf(support.text)) != std::string::npos;
  }
  return std::all_of(support.cells.begin(), support.cells.end(),
                     [&](const std::string& cell) { return HoldsCell(chunk_letters, cell); });
}

bool HoldsKeyword(std::string_view answer, std::string_view keyword) {
  const std::string flat = Flat(answer);
  const std::string wanted = Flat(keyword);
  if (wanted.empty()) return false;
  if (wanted.size() <= 3 && std::all_of(wanted.begin(), wanted.end(), IsLetter) &&
      std::none_of(wanted.begin(), wanted.end(), IsDigit)) {
    return HoldsWord(answer, wanted);
  }
  for (size_t at = flat.find(wanted); at != flat.npos; at = flat.find(wanted, at + 1)) {
    if (StandsAlone(flat, at, wanted)) return true;
  }
  return false;
}

bool HoldsKeywords(std::string_view answer, const Keywords& keywords) {
  return !keywords.empty() &&
         std::all_of(keywords.begin(), keywords.end(), [&](const auto& spellings) {
           return std::any_of(spellings.begin(), spellings.end(), [&](const std::string& keyword) {
             return HoldsKeyword(answer, keyword);
           });
         });
}

}  // namespace hadal::eval
