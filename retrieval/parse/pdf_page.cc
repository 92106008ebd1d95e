#include "retrieval/parse/pdf_page.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxPages = 20'000;
constexpr int64_t kMaxWords = 8'000'000;
constexpr double kMaxCoordinate = 1e5;
// Gaps inside a line, in heights of its letters. LibreOffice puts a fifth of an em (0.15 heights)
// between Chinese and Latin letters, which is no space; columns of a table are further apart.
constexpr double kAutoSpace = 0.2;
constexpr double kColumnGap = 1.6;

double NumberAttribute(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string_view::npos) return NAN;
  const std::string digits(line.substr(at + name.size(), 32));
  return std::strtod(digits.c_str(), nullptr);
}

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
    EndLine();
  } else if (line.starts_with("<page ")) {
    if (pages_.size() >= kMaxPages) return false;
    PdfPage page;
    page.number = static_cast<int32_t>(pages_.size()) + 1;
    page.width = NumberAttribute(line, "width=\"");
    page.height = NumberAttribute(line, "height=\"");
    pages_.push_back(std::move(page));
  } else if (line.starts_with("<title>") && pages_.empty()) {
    title_ = Unescape(ElementText(line));
  }
  return true;
}

void PdfPageReader::AddWord(std::string_view line) {
  ++num_words_;
  Word word{NumberAttribute(line, "xMin=\""), NumberAttribute(line, "yMin=\""),
            NumberAttribute(line, "xMax=\""), NumberAttribute(line, "yMax=\""),
            SanitizeUtf8(Unescape(ElementText(line)))};
  if (pages_.empty() || word.text.empty() || !Plausible(word.x0) || !Plausible(word.y0) ||
      !Plausible(word.x1) || !Plausible(word.y1) || word.x1 < word.x0 || word.y1 <= word.y0) {
    return;
  }
  words_.push_back(std::move(word));
}

void PdfPageReader::EndLine() {
  PdfFragment fragment;
  const auto flush = [&] {
    if (HasVisible(fragment.text)) pages_.back().fragments.push_back(std::move(fragment));
    fragment = PdfFragment();
  };
  for (Word& word : words_) {
    const double height = word.y1 - word.y0;
    if (!fragment.text.empty()) {
      const double gap = word.x0 - fragment.x1;
      if (gap > kColumnGap * height || gap < -2 * height) {
        flush();
      } else {
        const bool cjk = IsCjk(LastChar(fragment.text)) || IsCjk(FirstChar(word.text));
        if (gap > (cjk ? kAutoSpace : 0) * height) fragment.text += ' ';
      }
    }
    if (fragment.text.empty()) {
      fragment.x0 = word.x0;
      fragment.y0 = word.y0;
      fragment.y1 = word.y1;
      fragment.first_word_width = word.x1 - word.x0;
    }
    fragment.x1 = std::max(fragment.x1, word.x1);
    fragment.y0 = std::min(fragment.y0, word.y0);
    fragment.y1 = std::max(fragment.y1, word.y1);
    fragment.text += word.text;
  }
  if (!pages_.empty()) flush();
  words_.clear();
}

}  // namespace hadal::retrieval
