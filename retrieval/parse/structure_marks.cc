#include "retrieval/parse/structure_marks.h"

#include <string>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr std::u32string_view kChineseDigits = U"零〇一二三四五六七八九十百千两";

bool IsChineseDigit(char32_t c) { return kChineseDigits.find(c) != std::u32string_view::npos; }
bool IsDigit(char32_t c) { return (c >= '0' && c <= '9') || (c >= 0xFF10 && c <= 0xFF19); }

/// The first characters of a text, white space at its beginning aside.
std::u32string Head(std::string_view text) {
  constexpr size_t kHead = 24;
  std::u32string head;
  while (!text.empty() && head.size() < kHead) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (head.empty() && IsSpace(c.code_point)) continue;
    head.push_back(c.code_point);
  }
  return head;
}

/// Where the character behind 第<number> stands; 0 when the text does not begin so.
size_t DivisionAt(const std::u32string& head) {
  if (head.empty() || head[0] != U'第') return 0;
  size_t i = 1;
  while (i < head.size() && (IsChineseDigit(head[i]) || IsDigit(head[i]) || head[i] == ' ')) ++i;
  return i > 1 && i < head.size() ? i : 0;
}

char32_t DivisionOf(const std::u32string& head) {
  const size_t at = DivisionAt(head);
  return at == 0 ? 0 : head[at];
}

MarkKind KindOfDivision(char32_t division) {
  switch (division) {
    case U'编':
    case U'編':
    case U'部':
      return MarkKind::kPart;
    case U'章':
      return MarkKind::kChapter;
    case U'节':
    case U'節':
      return MarkKind::kSection;
    case U'条':
    case U'條':
      return MarkKind::kArticle;
    default:
      return MarkKind::kNone;
  }
}

/// Number in brackets, Chinese or not: （一） (2). `chinese` tells which. False without one.
bool InBrackets(const std::u32string& head, bool& chinese) {
  if (head.size() < 3 || (head[0] != U'（' && head[0] != U'(')) return false;
  size_t i = 1;
  while (i < head.size() && IsChineseDigit(head[i])) ++i;
  chinese = i > 1;
  while (i < head.size() && IsDigit(head[i])) ++i;
  return i > 1 && i < head.size() && (head[i] == U'）' || head[i] == U')');
}

/// 一、 or 十二、
bool IsChineseItem(const std::u32string& head) {
  size_t i = 0;
  while (i < head.size() && IsChineseDigit(head[i])) ++i;
  return i > 0 && i <= 4 && i < head.size() && (head[i] == U'、' || head[i] == U'．');
}

/// Components of a decimal number such as 2.1.3 that a blank, a Chinese character or 、 follows;
/// 0 for quantities ("2.5 kg" has one digit run too many to tell: the caller looks at the layout).
int DecimalDepth(const std::u32string& head) {
  int depth = 0;
  size_t i = 0;
  while (i < head.size() && IsDigit(head[i])) {
    size_t digits = 0;
    while (i < head.size() && IsDigit(head[i])) ++i, ++digits;
    if (digits > 3) return 0;
    ++depth;
    if (i + 1 < head.size() && (head[i] == '.' || head[i] == U'．') && IsDigit(head[i + 1])) {
      ++i;
      continue;
    }
    break;
  }
  if (depth == 0 || i >= head.size()) return 0;
  if (head[i] == '.' || head[i] == U'．' || head[i] == U'、') ++i;
  const bool spaced = i < head.size() && IsSpace(head[i]);
  while (i < head.size() && IsSpace(head[i])) ++i;
  if (i >= head.size()) return 0;
  const bool letter = IsCjk(head[i]) ? !IsCjkTerminal(head[i]) : (head[i] >= 'A' && head[i] <= 'Z');
  return letter && (spaced || IsCjk(head[i])) ? depth : 0;
}

}  // namespace

StructureMark FindStructureMark(std::string_view text) {
  const std::u32string head = Head(text);
  StructureMark mark;
  size_t end = 0;  // of the mark, in `head`
  bool chinese = false;
  if (const size_t at = DivisionAt(head); at > 0) {
    mark.kind = KindOfDivision(head[at]);
    end = at + 1;
    if (mark.kind == MarkKind::kArticle && end + 1 < head.size() && head[end] == U'之' &&
        IsChineseDigit(head[end + 1])) {
      end += 2;
    }
  } else if (InBrackets(head, chinese)) {
    mark.kind = chinese ? MarkKind::kChineseBracket : MarkKind::kBracket;
    end = head.find_first_of(U"）)") + 1;
  } else if (IsChineseItem(head)) {
    mark.kind = MarkKind::kChineseItem;
    end = head.find_first_of(U"、．") + 1;
  } else if (mark.depth = DecimalDepth(head); mark.depth > 0) {
    mark.kind = MarkKind::kDecimal;
    while (end < head.size() &&
           (IsDigit(head[end]) || head[end] == '.' || head[end] == U'．' || head[end] == U'、')) {
      ++end;
    }
  }
  if (mark.kind == MarkKind::kNone) return {};
  for (size_t seen = 0; seen < end;) {
    const DecodedChar c = DecodeUtf8(text.substr(mark.size_bytes));
    mark.size_bytes += c.size_bytes;
    if (seen > 0 || !IsSpace(c.code_point)) ++seen;
  }
  return mark;
}

bool IsNamedDivision(std::string_view text) {
  const MarkKind kind = KindOfDivision(DivisionOf(Head(text)));
  return kind != MarkKind::kNone && kind != MarkKind::kArticle;
}

int StructureLevel(std::string_view text) {
  const StructureMark mark = FindStructureMark(text);
  switch (mark.kind) {
    case MarkKind::kPart:
    case MarkKind::kChapter:
    case MarkKind::kChineseItem:
      return 1;
    case MarkKind::kSection:
    case MarkKind::kChineseBracket:
      return 2;
    case MarkKind::kArticle:
      return 3;
    case MarkKind::kBracket:
      return 4;
    case MarkKind::kDecimal:
      return mark.depth;
    case MarkKind::kNone:
      return 0;
  }
  return 0;
}

bool StartsBlock(std::string_view text) {
  const std::u32string head = Head(text);
  const char32_t division = DivisionOf(head);
  if (division == U'条' || division == U'條' || IsNamedDivision(text)) return true;
  bool chinese = false;
  if (InBrackets(head, chinese) && chinese) return true;
  if (IsChineseItem(head)) return true;
  static constexpr std::u32string_view kBullets = U"•·●○■□◆◇▪▫►➢✓※★☆\uF0B7\uF06C\uF0D8";
  return !head.empty() && kBullets.find(head[0]) != std::u32string_view::npos;
}

bool StartsNumbered(std::string_view text) {
  if (StartsBlock(text)) return true;
  const std::u32string head = Head(text);
  bool chinese = false;
  if (InBrackets(head, chinese)) return true;
  size_t i = 0;
  while (i < head.size() && IsDigit(head[i])) ++i;
  if (i > 0 && i < 4 && i < head.size()) {
    const char32_t c = head[i];
    if (c == ')' || c == U'）' || c == U'、' || c == U'．') return true;
    if (c == '.' && i + 1 < head.size() && !IsDigit(head[i + 1])) return true;
  }
  return DecimalDepth(head) > 0;
}

bool StartsListItem(std::string_view text) {
  const std::u32string head = Head(text);
  if (head.size() > 2 && (head[0] == '-' || head[0] == U'–' || head[0] == '*') && head[1] == ' ') {
    return true;
  }
  const char32_t division = DivisionOf(head);
  if (division != 0) return false;
  bool chinese = false;
  if (InBrackets(head, chinese)) return true;
  if (StartsBlock(text)) return !IsChineseItem(head);
  size_t i = 0;
  while (i < head.size() && IsDigit(head[i])) ++i;
  return i > 0 && i < 4 && i < head.size() &&
         (head[i] == ')' || head[i] == U'）' || head[i] == U'、' ||
          (head[i] == '.' && i + 1 < head.size() && !IsDigit(head[i + 1])));
}

}  // namespace hadal::retrieval
