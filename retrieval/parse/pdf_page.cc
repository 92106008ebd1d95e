#include "retrieval/parse/pdf_page.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/pdf_programs.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxPages = 20'000;
constexpr int64_t kMaxWords = 8'000'000;
constexpr double kMaxCoordinate = 1e5;

/// The five entities of XML and numeric ones.
std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '&' ? text.find(';', i) : std::string_view::npos;
    if (end == std::string_view::npos || end - i > 10) {
      plain.push_back(text[i]);
      continue;
    }
    const std::string_view name = text.substr(i + 1, end - i - 1);
    if (name == "amp") plain.push_back('&');
    if (name == "lt") plain.push_back('<');
    if (name == "gt") plain.push_back('>');
    if (name == "quot") plain.push_back('"');
    if (name == "apos") plain.push_back('\'');
    if (name.starts_with('#')) {
      const bool hex = name.size() > 1 && name[1] == 'x';
      const std::string digits(name.substr(hex ? 2 : 1));
      AppendUtf8(static_cast<char32_t>(std::strtoul(digits.c_str(), nullptr, hex ? 16 : 10)),
                 plain);
    }
    i = end;
  }
  return plain;
}

std::string_view ElementText(std::string_view line) {
  const size_t begin = line.find('>');
  const size_t end = line.rfind("</");
  if (begin == std::string_view::npos || end == std::string_view::npos || end <= begin) return {};
  return line.substr(begin + 1, end - begin - 1);
}

bool Plausible(double value) { return std::isfinite(value) && std::abs(value) < kMaxCoordinate; }

}  // namespace

char32_t FirstChar(std::string_view text) { return text.empty() ? 0 : DecodeUtf8(text).code_point; }

char32_t LastChar(std::string_view text) {
  if (text.empty()) return 0;
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return DecodeUtf8(text.substr(at)).code_point;
}

void AppendJoined(std::string_view next, std::string& text) {
  if (!text.empty() && !IsCjk(LastChar(text)) && !IsCjk(FirstChar(next))) text += ' ';
  text += next;
}

bool PdfPageReader::AddLine(std::string_view line) {
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return true;
  line.remove_prefix(start);
  if (line.starts_with("<word ")) {
    AddWord(line);
    return num_words_ <= kMaxWords;
  }
  if (line.starts_with("</line>")) {
    line_open_ = false;
  } else if (line.starts_with("<page ")) {
    if (pages_.size() >= kMaxPages) return false;
    line_open_ = false;
    PdfPage page;
    page.number = static_cast<int32_t>(pages_.size()) + 1;
    page.width = NumberAttribute(line, " width=\"");
    page.height = NumberAttribute(line, " height=\"");
    if (!Plausible(page.width) || !Plausible(page.height)) page.width = page.height = 0;
    pages_.push_back(std::move(page));
  } else if (line.starts_with("<title>") && pages_.empty()) {
    title_ = Unescape(ElementText(line));
  }
  return true;
}

void PdfPageReader::AddWord(std::string_view line) {
  ++num_words_;
  PdfWord word{NumberAttribute(line, " xMin=\""), NumberAttribute(line, " yMin=\""),
               NumberAttribute(line, " xMax=\""), NumberAttribute(line, " yMax=\""),
               SanitizeUtf8(Unescape(ElementText(line)))};
  if (pages_.empty() || word.text.empty() || !Plausible(word.x0) || !Plausible(word.y0) ||
      !Plausible(word.x1) || !Plausible(word.y1) || word.x1 < word.x0 || word.y1 <= word.y0) {
    return;
  }
  std::vector<std::vector<PdfWord>>& lines = pages_.back().lines;
  if (!line_open_) lines.emplace_back();
  line_open_ = true;
  lines.back().push_back(std::move(word));
}

}  // namespace hadal::retrieval
