#include "retrieval/clean/text_folder.h"

#include <opencc/opencc.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

constexpr char32_t kTableEnd = 0x10000;
// Hostile texts stack marks without end, and ICU's time for a stack is not linear in its height.
constexpr size_t kMaxSegment = 128;

const icu::Normalizer2* Normalizer() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  return U_SUCCESS(error) ? normalizer : nullptr;
}

bool IsHan(char32_t c) { return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF); }
bool IsBlank(char32_t c) { return c == U' ' || c == U'\t'; }
bool IsLineSpace(char32_t c) { return IsBlank(c) || c == U'\n' || c == U'\r'; }
bool IsLetter(char32_t c) { return c >= U'a' && c <= U'z'; }
bool IsHyphen(char32_t c) { return c == U'-' || c == 0x2010; }

/// Of "short- and long-term": the hyphen stands for a word, not for the end of a line.
bool IsConjunction(std::u32string_view word) {
  return word == U"and" || word == U"or" || word == U"to" || word == U"nor" || word == U"but";
}

/// Finds what folds away in a folded text: see TextFolder.
class BreakFinder {
 public:
  explicit BreakFinder(std::u32string_view text) : text_(text) {}

  /// The end of what folds away at `at`; `at` when nothing does. What stands before a run of blanks
  /// is looked at before the run, so that all calls together take linear time.
  size_t EndOfBreak(size_t at) const {
    size_t end = at + 1;
    if (IsHyphen(text_[at])) {
      if (at < 2 || !IsLetter(text_[at - 1]) || !IsLetter(text_[at - 2])) return at;
      while (end < text_.size() && IsLineSpace(text_[end])) ++end;
      return end > at + 1 && BeginsHalfWord(end) ? end : at;
    }
    if (!IsBlank(text_[at]) || at == 0 || !IsLoneHan(at - 1)) return at;
    while (end < text_.size() && IsBlank(text_[end])) ++end;
    return IsLoneHan(end) ? end : at;
  }

 private:
  bool IsLoneHan(size_t i) const {
    return i < text_.size() && IsHan(text_[i]) && (i == 0 || !IsHan(text_[i - 1])) &&
           (i + 1 == text_.size() || !IsHan(text_[i + 1]));
  }

  /// Two letters or more, as the second half of a word has.
  bool BeginsHalfWord(size_t at) const {
    size_t end = at;
    while (end < text_.size() && end < at + 4 && IsLetter(text_[end])) ++end;
    return end >= at + 2 && !IsConjunction(text_.substr(at, end - at));
  }

  const std::u32string_view text_;
};

/// Takes out what folds away, its origins with it.
void DropBreaks(std::u32string& text, std::vector<TextSpan>* origins) {
  // Found in the whole text first: what is dropped does not change what else is.
  const BreakFinder breaks(text);
  std::vector<TextSpan> dropped;
  for (size_t i = 0; i < text.size();) {
    const size_t end = breaks.EndOfBreak(i);
    if (end > i) dropped.push_back({i, end});
    i = std::max(end, i + 1);
  }
  if (dropped.empty()) return;
  size_t to = 0;
  auto next = dropped.begin();
  for (size_t from = 0; from < text.size();) {
    if (next != dropped.end() && next->begin == from) {
      from = (next++)->end;
      continue;
    }
    text[to] = text[from];
    if (origins != nullptr) (*origins)[to] = (*origins)[from];
    ++to;
    ++from;
  }
  text.resize(to);
  if (origins != nullptr) origins->resize(to);
}

struct Range {
  char32_t first;
  char32_t last;
};

// Han blocks in which OpenCC's character table has entries: extension A, the unified ideographs,
// compatibility ideographs and the supplementary planes in use.
constexpr Range kHan[] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x323AF}};

// One character a line: the line feed keeps OpenCC's phrase rules from joining neighbours, so one
// call converts every character by itself.
std::string HanLines() {
  std::string lines;
  for (const Range& range : kHan) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      AppendUtf8(c, lines);
      lines.push_back('\n');
    }
  }
  return lines;
}

StatusOr<std::string> ConvertToSimplified(const std::string& text) {
  const opencc_t converter = opencc_open("t2s.json");
  if (converter == reinterpret_cast<opencc_t>(-1)) {
    return FailedPrecondition(
        "OpenCC cannot load t2s.json (traditional to simplified): {}; install the package "
        "libopencc-data",
        opencc_error());
  }
  char* converted = opencc_convert_utf8(converter, text.data(), text.size());
  std::string result = converted == nullptr ? std::string() : std::string(converted);
  if (converted != nullptr) opencc_convert_utf8_free(converted);
  opencc_close(converter);
  if (result.empty()) return Internal("OpenCC converted the character table to nothing");
  return result;
}

}  // namespace

StatusOr<std::unique_ptr<TextFolder>> TextFolder::Create() {
  const std::string lines = HanLines();
  ASSIGN_OR_RETURN(const std::string converted, ConvertToSimplified(lines));
  std::unique_ptr<TextFolder> folder(new TextFolder());
  size_t from = 0;
  size_t to = 0;
  while (from < lines.size() && to < converted.size()) {
    const DecodedChar original = DecodeUtf8(std::string_view(lines).substr(from));
    const size_t line_end = converted.find('\n', to);
    if (line_end == std::string::npos) break;
    const std::string_view line = std::string_view(converted).substr(to, line_end - to);
    if (!line.empty()) {
      const DecodedChar mapped = DecodeUtf8(line);
      const bool single = mapped.valid && mapped.size_bytes == line.size();
      if (single && mapped.code_point != original.code_point) {
        folder->simplified_.emplace(original.code_point, mapped.code_point);
      }
    }
    from += original.size_bytes + 1;
    to = line_end + 1;
  }
  if (from != lines.size()) {
    return FailedPrecondition(
        "OpenCC's t2s.json changed the number of lines of its input: the installed data do not fit "
        "this version; reinstall libopencc-data");
  }
  RETURN_IF_ERROR(folder->BuildSingles());
  return folder;
}

TextSpan FoldedText::Origin(size_t begin, size_t end) const {
  if (begin >= end) return {};
  return {origins[begin].begin, origins[end - 1].end};
}

Status TextFolder::BuildSingles() {
  const icu::Normalizer2* normalizer = Normalizer();
  if (normalizer == nullptr) {
    return FailedPrecondition("ICU has no NFKC_Casefold data: reinstall libicu");
  }
  singles_.resize(kTableEnd);
  starts_segment_.resize(kTableEnd);
  for (char32_t c = 0; c < kTableEnd; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    starts_segment_[c] = normalizer->hasBoundaryBefore(static_cast<UChar32>(c));
    if (IsHan(c)) {  // the most, and no normalization changes them
      singles_[c] = Simplified(c);
      continue;
    }
    std::u32string folded;
    FoldSegment(std::u32string_view(&c, 1), folded);
    if (folded.size() == 1) singles_[c] = folded[0];
  }
  return OkStatus();
}

char32_t TextFolder::Simplified(char32_t c) const {
  const auto it = c < kHan[0].first ? simplified_.end() : simplified_.find(c);
  return it == simplified_.end() ? c : it->second;
}

bool TextFolder::StartsSegment(char32_t c) const {
  return c < kTableEnd ? starts_segment_[c]
                       : Normalizer()->hasBoundaryBefore(static_cast<UChar32>(c));
}

void TextFolder::FoldSegment(std::u32string_view segment, std::u32string& out) const {
  const icu::UnicodeString original = icu::UnicodeString::fromUTF32(
      reinterpret_cast<const UChar32*>(segment.data()), static_cast<int32_t>(segment.size()));
  icu::UnicodeString normalized;
  UErrorCode error = U_ZERO_ERROR;
  Normalizer()->normalize(original, normalized, error);
  // Only an out-of-memory ICU fails; unfolded text still matches itself.
  const icu::UnicodeString& source = U_SUCCESS(error) ? normalized : original;
  for (int32_t i = 0; i < source.length(); i = source.moveIndex32(i, 1)) {
    out.push_back(Simplified(static_cast<char32_t>(source.char32At(i))));
  }
}

void TextFolder::FoldInto(std::string_view text, std::u32string& out,
                          std::vector<TextSpan>* origins) const {
  const auto decode = [&text] {
    const DecodedChar c = text.empty() ? DecodedChar{0, 0, false} : DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    return c;
  };
  std::u32string segment;
  size_t position = 0;
  for (DecodedChar next = decode(); next.size_bytes > 0;) {
    segment.assign(1, next.code_point);
    next = decode();
    while (next.size_bytes > 0 && segment.size() < kMaxSegment && !StartsSegment(next.code_point)) {
      segment.push_back(next.code_point);
      next = decode();
    }
    const char32_t single =
        segment.size() == 1 && segment[0] < kTableEnd ? singles_[segment[0]] : 0;
    if (single != 0) {
      out.push_back(single);
    } else {
      FoldSegment(segment, out);
    }
    if (origins != nullptr) origins->resize(out.size(), {position, position + segment.size()});
    position += segment.size();
  }
  DropBreaks(out, origins);
}

std::u32string TextFolder::Fold(std::string_view text) const {
  std::u32string folded;
  folded.reserve(text.size() / 2);
  FoldInto(text, folded, nullptr);
  return folded;
}

FoldedText TextFolder::FoldWithOrigins(std::string_view text) const {
  FoldedText folded;
  FoldInto(text, folded.text, &folded.origins);
  return folded;
}

}  // namespace hadal::retrieval
