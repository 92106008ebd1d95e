#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {
namespace {

// Gaps inside a line, in heights of its letters. LibreOffice puts a fifth of an em (0.15 heights)
// between Chinese and Latin letters, which is no space; columns of a table are further apart.
constexpr double kAutoSpace = 0.2;
constexpr double kColumnGap = 1.6;
constexpr double kUpright = 1.5;  // higher than wide by this: a line that runs up or down

using WordLine = std::vector<PdfWord>;

double Middle(double low, double high) { return (low + high) / 2; }

/// Which way a line runs; none when one word alone leaves it open.
enum class Way { kRight, kDown, kLeft, kUp, kOpen, kOpenUpright };

Way WayOf(const WordLine& line) {
  const PdfWord& first = line.front();
  const PdfWord& last = line.back();
  if (line.size() == 1) {
    const bool several = DecodeUtf8(first.text).size_bytes < first.text.size();
    const bool high = first.y1 - first.y0 > kUpright * (first.x1 - first.x0);
    return several && high ? Way::kOpenUpright : Way::kOpen;
  }
  const double x = Middle(last.x0, last.x1) - Middle(first.x0, first.x1);
  const double y = Middle(last.y0, last.y1) - Middle(first.y0, first.y1);
  if (std::abs(x) >= std::abs(y)) return x >= 0 ? Way::kRight : Way::kLeft;
  return y > 0 ? Way::kDown : Way::kUp;
}

/// The way most of the page's text runs. Upright lines of one word each run down when the next one
/// stands to their left, as Chinese is written vertically, and up otherwise.
Way MainWay(const PdfPage& page) {
  std::array<size_t, 4> bytes = {};
  size_t open_bytes = 0;
  size_t upright_bytes = 0;
  int leftward = 0;
  const PdfWord* before = nullptr;
  for (const WordLine& line : page.lines) {
    if (line.empty()) continue;
    size_t size = 0;
    for (const PdfWord& word : line) size += word.text.size();
    const Way way = WayOf(line);
    if (way == Way::kOpenUpright) {
      upright_bytes += size;
      if (before != nullptr) leftward += line.front().x0 < before->x0 ? 1 : -1;
      before = &line.front();
    } else if (way == Way::kOpen) {
      open_bytes += size;
    } else {
      bytes[static_cast<size_t>(way)] += size;
    }
  }
  bytes[static_cast<size_t>(leftward >= 0 ? Way::kDown : Way::kUp)] += upright_bytes;
  const bool upside_down =
      bytes[static_cast<size_t>(Way::kLeft)] > bytes[static_cast<size_t>(Way::kRight)];
  bytes[static_cast<size_t>(upside_down ? Way::kLeft : Way::kRight)] += open_bytes;
  return static_cast<Way>(std::max_element(bytes.begin(), bytes.end()) - bytes.begin());
}

/// The word in the frame in which text that runs `way` runs to the right.
void Turn(Way way, double width, double height, PdfWord& word) {
  const PdfWord old = word;
  if (way == Way::kDown) {
    word.x0 = old.y0, word.x1 = old.y1, word.y0 = width - old.x1, word.y1 = width - old.x0;
  } else if (way == Way::kUp) {
    word.x0 = height - old.y1, word.x1 = height - old.y0, word.y0 = old.x0, word.y1 = old.x1;
  } else if (way == Way::kLeft) {
    word.x0 = width - old.x1, word.x1 = width - old.x0;
    word.y0 = height - old.y1, word.y1 = height - old.y0;
  }
}

void TurnPage(PdfPage& page) {
  // pdftotext states the size before the page's rotation, and positions after it.
  for (const WordLine& line : page.lines) {
    for (const PdfWord& word : line) {
      const bool turned = word.x1 > page.width + 1 || word.y1 > page.height + 1;
      if (turned && word.x1 <= page.height + 1 && word.y1 <= page.width + 1) {
        std::swap(page.width, page.height);
      }
    }
  }
  const Way way = MainWay(page);
  if (way == Way::kRight) return;
  for (WordLine& line : page.lines) {
    for (PdfWord& word : line) Turn(way, page.width, page.height, word);
  }
  page.turn = way == Way::kDown ? PdfPage::kDown : way == Way::kUp ? PdfPage::kUp : PdfPage::kLeft;
  if (way != Way::kLeft) std::swap(page.width, page.height);
}

/// A line along the margin of the others: its text laid level where it begins.
PdfFragment LayLevel(const WordLine& line) {
  PdfFragment fragment;
  double low = line.front().y0;
  double high = line.front().y1;
  for (const PdfWord& word : line) {
    AppendJoined(word.text, fragment.text);
    low = std::min(low, word.y0);
    high = std::max(high, word.y1);
  }
  fragment.x0 = line.front().x0;
  fragment.y0 = low;
  fragment.x1 = fragment.x0 + high - low;
  fragment.y1 = low + line.front().x1 - line.front().x0;
  return fragment;
}

void JoinLine(const WordLine& line, PdfPage& page) {
  PdfFragment fragment;
  const auto flush = [&] {
    if (HasVisible(fragment.text)) page.fragments.push_back(std::move(fragment));
    fragment = PdfFragment();
  };
  for (const PdfWord& word : line) {
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
  flush();
}

}  // namespace

void JoinWords(PdfPage& page) {
  TurnPage(page);
  for (const WordLine& line : page.lines) {
    if (line.empty()) continue;
    const Way way = WayOf(line);
    if (way == Way::kDown || way == Way::kUp || way == Way::kOpenUpright) {
      page.aside.push_back(LayLevel(line));
    } else {
      JoinLine(line, page);
    }
  }
  page.lines.clear();
}

PdfFragment AsShown(const PdfPage& page, const PdfFragment& turned) {
  PdfFragment shown = turned;
  if (page.turn == PdfPage::kDown) {
    shown.x0 = page.height - turned.y1, shown.x1 = page.height - turned.y0;
    shown.y0 = turned.x0, shown.y1 = turned.x1;
  } else if (page.turn == PdfPage::kUp) {
    shown.x0 = turned.y0, shown.x1 = turned.y1;
    shown.y0 = page.width - turned.x1, shown.y1 = page.width - turned.x0;
  } else if (page.turn == PdfPage::kLeft) {
    shown.x0 = page.width - turned.x1, shown.x1 = page.width - turned.x0;
    shown.y0 = page.height - turned.y1, shown.y1 = page.height - turned.y0;
  }
  return shown;
}

}  // namespace hadal::retrieval
