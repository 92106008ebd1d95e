#include "retrieval/parse/ocr_page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr int64_t kMaxWords = 200'000;
constexpr double kMaxPixel = 1e5;
constexpr double kNearBody = 0.15;     // line heights this near are the same print
constexpr double kColumnGap = 1.6;     // in heights of a line
constexpr double kMinConfidence = 10;  // of a word; less is a stain

// Columns of tesseract's TSV.
enum Column { kLevel = 0, kLeft = 6, kTop, kWidth, kHeight, kConfidence, kText, kColumns };
constexpr double kLineLevel = 4;
constexpr double kWordLevel = 5;

struct Row {
  std::array<double, kText> numbers = {};
  std::string_view text;
};

bool SplitRow(std::string_view line, Row& row) {
  for (size_t column = 0; column < kText; ++column) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return false;
    double& number = row.numbers[column];
    const auto [end, error] = std::from_chars(line.data(), line.data() + tab, number);
    if (error != std::errc() || end != line.data() + tab || !(std::abs(number) < kMaxPixel)) {
      return false;
    }
    line.remove_prefix(tab + 1);
  }
  row.text = line;
  return true;
}

/// Letters of a text and how many of them are Chinese.
struct Letters {
  int64_t all = 0;
  int64_t cjk = 0;
};

Letters Count(std::string_view text) {
  Letters letters;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (IsSpace(c.code_point)) continue;
    ++letters.all;
    letters.cjk += IsCjk(c.code_point);
  }
  return letters;
}

bool IsAsciiAlnum(char32_t c) { return c < 0x80 && std::isalnum(static_cast<int>(c)) != 0; }

/// What stands between two words of a line.
bool NeedsSpace(std::string_view before, std::string_view after, bool chinese_line) {
  const char32_t last = LastChar(before);
  const char32_t first = FirstChar(after);
  if (IsCjk(last) || IsCjk(first)) return false;
  return !chinese_line || (IsAsciiAlnum(last) && IsAsciiAlnum(first));
}

/// Recognition writes half-width marks where Chinese print has full-width ones.
std::string WidenMarks(std::string_view text) {
  constexpr std::string_view kNarrow = ",;:?!()";
  std::string wide;
  char32_t last = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const DecodedChar c = DecodeUtf8(rest);
    rest.remove_prefix(c.size_bytes);
    char32_t mark = c.code_point;
    const bool beside = IsCjk(last) || IsCjk(FirstChar(rest));
    if (mark == '.' && IsCjk(last) && !IsAsciiAlnum(FirstChar(rest))) {
      mark = 0x3002;
    } else if (mark < 0x80 && beside && kNarrow.find(static_cast<char>(mark)) != kNarrow.npos) {
      mark += 0xFEE0;
    }
    AppendUtf8(mark, wide);
    last = mark;
  }
  return wide;
}

}  // namespace

bool OcrPageReader::AddLine(std::string_view line) {
  Row row;
  if (!SplitRow(line, row)) return true;
  const auto& n = row.numbers;
  if (n[kWidth] <= 0 || n[kHeight] <= 0) return true;
  if (n[kLevel] == kLineLevel) lines_.push_back({n[kTop], n[kTop] + n[kHeight], {}});
  if (n[kLevel] != kWordLevel || lines_.empty()) return true;
  if (++num_words_ > kMaxWords) return false;
  Word word{n[kLeft], n[kLeft] + n[kWidth], std::clamp(n[kConfidence], 0.0, 100.0),
            SanitizeUtf8(row.text)};
  if (word.confidence >= kMinConfidence && HasVisible(word.text)) {
    lines_.back().words.push_back(std::move(word));
  }
  return true;
}

double OcrPageReader::confidence() const {
  double sum = 0;
  int64_t letters = 0;
  for (const Line& line : lines_) {
    for (const Word& word : line.words) {
      const int64_t count = Count(word.text).all;
      sum += word.confidence * static_cast<double>(count);
      letters += count;
    }
  }
  return letters == 0 ? 0 : sum / static_cast<double>(letters);
}

PdfPage OcrPageReader::ToPage(double points) const {
  std::vector<double> heights;
  for (const Line& line : lines_) {
    heights.insert(heights.end(), line.words.size(), line.y1 - line.y0);
  }
  PdfPage page;
  if (heights.empty()) return page;
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  const double body = *middle;
  for (const Line& line : lines_) {
    const double own = line.y1 - line.y0;
    const double height = std::abs(own - body) < kNearBody * body ? body : own;
    const double y0 = (line.y0 + line.y1 - height) / 2;
    Letters letters;
    for (const Word& word : line.words) {
      const Letters count = Count(word.text);
      letters.all += count.all;
      letters.cjk += count.cjk;
    }
    const bool chinese = letters.cjk * 10 > letters.all * 3;  // numbers and names among it
    PdfFragment fragment;
    const auto flush = [&] {
      if (fragment.text.empty()) return;
      if (chinese) fragment.text = WidenMarks(fragment.text);
      page.fragments.push_back(std::move(fragment));
      fragment = PdfFragment();
    };
    for (const Word& word : line.words) {
      if (word.x0 * points - fragment.x1 > kColumnGap * height * points) flush();
      if (fragment.text.empty()) {
        fragment.x0 = word.x0 * points;
        fragment.y0 = y0 * points;
        fragment.y1 = (y0 + height) * points;
        fragment.first_word_width = (word.x1 - word.x0) * points;
      } else if (NeedsSpace(fragment.text, word.text, chinese)) {
        fragment.text += ' ';
      }
      fragment.x1 = std::max(fragment.x1, word.x1 * points);
      fragment.text += word.text;
    }
    flush();
  }
  return page;
}

}  // namespace hadal::retrieval
