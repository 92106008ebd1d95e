#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/formats.h"

namespace hadal::retrieval {
namespace {

constexpr int kMinWrapColumns = 50;  // shorter lines were not broken by a margin

struct Line {
  std::string_view text;
  int columns = 0;  ///< width on a terminal: CJK counts two
  char32_t last = 0;
  bool tabular = false;  ///< tabs or runs of spaces inside: columns, never joined
  bool starts_item = false;
};

bool StartsItem(std::string_view text) {
  if (text.empty() || IsLayoutSpace(static_cast<unsigned char>(text[0]))) return true;
  if (text.starts_with("- ") || text.starts_with("* ") || text.starts_with("+ ") ||
      text.starts_with("#") || text.starts_with(">") || text.starts_with("|") ||
      text.starts_with("•") || text.starts_with("　")) {
    return true;
  }
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  return digits > 0 && digits < 4 && digits + 1 < text.size() &&
         (text[digits] == '.' || text[digits] == ')') && text[digits + 1] == ' ';
}

Line Measure(std::string_view text) {
  Line line{text};
  line.starts_item = StartsItem(text);
  int spaces = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (c.code_point == '\t') line.tabular = true;
    spaces = c.code_point == ' ' ? spaces + 1 : 0;
    if (spaces >= 2) line.tabular = true;
    line.columns += IsCjk(c.code_point) ? 2 : 1;
    if (!IsSpace(c.code_point)) line.last = c.code_point;
  }
  return line;
}

bool EndsParagraph(char32_t last) {
  return IsCjkTerminal(last) || last == '.' || last == '!' || last == '?' || last == ':' ||
         last == ';' || last == 0xFF1A || last == '|';
}

/// The lines of one paragraph (between blank lines): joined where a margin broke them, that is
/// where a line nearly as long as the longest ends without ending a sentence.
void AddLines(const std::vector<Line>& lines, DocumentBuilder& builder) {
  int widest = 0;
  for (const Line& line : lines) widest = std::max(widest, line.columns);
  std::string paragraph;
  for (size_t i = 0; i < lines.size(); ++i) {
    paragraph += lines[i].text;
    const bool wrapped = i + 1 < lines.size() && widest >= kMinWrapColumns && widest <= 120 &&
                         lines[i].columns * 5 >= widest * 4 && !lines[i].tabular &&
                         !lines[i + 1].tabular && !lines[i + 1].starts_item &&
                         !EndsParagraph(lines[i].last);
    if (wrapped) {
      if (!IsCjk(lines[i].last)) paragraph += ' ';
      continue;
    }
    builder.AddParagraph(paragraph);
    paragraph.clear();
  }
}

}  // namespace

void AppendText(std::string_view rest, DocumentBuilder& builder) {
  std::vector<Line> paragraph;
  while (!rest.empty() && !builder.full()) {
    size_t end = rest.find_first_of("\r\n\f");
    if (end == std::string_view::npos) end = rest.size();
    const std::string_view text = rest.substr(0, end);
    if (HasVisible(text)) {
      paragraph.push_back(Measure(text));
    } else {
      AddLines(paragraph, builder);
      paragraph.clear();
    }
    const bool crlf = rest.substr(end).starts_with("\r\n");
    rest.remove_prefix(std::min(rest.size(), end + (crlf ? 2 : 1)));
  }
  AddLines(paragraph, builder);
}

ParseOutcome ParseText(std::string_view content) {
  StatusOr<DecodedText> decoded = DecodeText(content);
  if (!decoded.ok()) return Rejection("not_text", StatusMessage(decoded.status()));
  DocumentBuilder builder("text");
  builder.SetEncoding(decoded->encoding, decoded->replaced_bytes);
  AppendText(decoded->utf8, builder);
  return builder.Finish();
}

}  // namespace hadal::retrieval
