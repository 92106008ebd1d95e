#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/pdf_layout.h"

namespace hadal::retrieval {
namespace {

constexpr double kMinGutter = 8;  // points between two columns of text
constexpr size_t kMinColumnLines = 5;
constexpr double kMinFill = 0.5;          // median line of a text column against its width
constexpr double kMinWidthRatio = 0.6;    // narrowest column against the widest
constexpr size_t kMaxFragments = 20'000;  // more on a page is no text layout

struct Span {
  double low;
  double high;
};

double MedianHeight(const std::vector<PdfFragment>& fragments) {
  std::vector<double> heights;
  for (const PdfFragment& fragment : fragments) heights.push_back(fragment.height());
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  return *middle;
}

/// Vertical stripes that at most a tenth of the lines cross.
std::vector<Span> FindGutters(const std::vector<PdfFragment>& fragments, double left,
                              double right) {
  const auto bins = static_cast<size_t>(std::clamp(right - left, 1.0, 10'000.0)) + 1;
  std::vector<int> change(bins + 1, 0);
  for (const PdfFragment& fragment : fragments) {
    const auto first = static_cast<size_t>(std::clamp(fragment.x0 - left, 0.0, bins - 1.0));
    const auto last = static_cast<size_t>(std::clamp(fragment.x1 - left, 0.0, bins - 1.0));
    ++change[first];
    --change[last + 1];
  }
  const auto limit = static_cast<int>(fragments.size() / 10);
  std::vector<Span> gutters;
  int crossing = 0;
  size_t start = 0;
  bool open = false;
  for (size_t i = 0; i < bins; ++i) {
    crossing += change[i];
    if (crossing <= limit && !open) start = i;
    if (crossing > limit && open && static_cast<double>(i - start) >= kMinGutter &&
        static_cast<double>(start) > 0.15 * static_cast<double>(bins) &&
        static_cast<double>(i) < 0.85 * static_cast<double>(bins)) {
      gutters.push_back({left + static_cast<double>(start), left + static_cast<double>(i)});
    }
    open = crossing <= limit;
  }
  return gutters;
}

/// Columns of running text have similar widths and lines that fill them; columns of a table do not.
bool IsTextColumn(const std::vector<PdfFragment>& fragments, double width) {
  if (fragments.size() < kMinColumnLines) return false;
  std::vector<double> widths;
  for (const PdfFragment& fragment : fragments) widths.push_back(fragment.width());
  const auto third = widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 3);
  std::nth_element(widths.begin(), third, widths.end(), std::greater<>());
  return *third >= kMinFill * width;
}

}  // namespace

std::vector<std::vector<PdfFragment>> SplitColumns(const PdfPage& page) {
  const std::vector<PdfFragment>& fragments = page.fragments;
  if (fragments.size() < 2 * kMinColumnLines || fragments.size() > kMaxFragments) {
    return {fragments};
  }
  double left = fragments[0].x0;
  double right = fragments[0].x1;
  for (const PdfFragment& fragment : fragments) {
    left = std::min(left, fragment.x0);
    right = std::max(right, fragment.x1);
  }
  const std::vector<Span> gutters = FindGutters(fragments, left, right);
  if (gutters.empty() || gutters.size() > 3) return {fragments};

  std::vector<std::vector<PdfFragment>> columns(gutters.size() + 1);
  std::vector<PdfFragment> across;
  for (const PdfFragment& fragment : fragments) {
    size_t column = 0;
    bool crosses = false;
    for (const Span& gutter : gutters) {
      const double middle = (gutter.low + gutter.high) / 2;
      crosses = crosses || (fragment.x0 < middle && fragment.x1 > middle);
      column += fragment.x0 > middle;
    }
    crosses ? across.push_back(fragment) : columns[column].push_back(fragment);
  }
  double narrowest = right - left;
  double widest = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    const double low = i == 0 ? left : gutters[i - 1].high;
    const double high = i == gutters.size() ? right : gutters[i].low;
    narrowest = std::min(narrowest, high - low);
    widest = std::max(widest, high - low);
    if (!IsTextColumn(columns[i], high - low)) return {fragments};
  }
  if (narrowest < kMinWidthRatio * widest || narrowest < 8 * MedianHeight(fragments)) {
    return {fragments};
  }
  // Lines across the columns cut the page into bands, each read column by column.
  std::sort(across.begin(), across.end(),
            [](const PdfFragment& a, const PdfFragment& b) { return a.y0 < b.y0; });
  std::vector<std::vector<PdfFragment>> regions;
  double top = -1e9;
  for (size_t i = 0; i <= across.size(); ++i) {
    const double bottom = i < across.size() ? across[i].middle() : 1e9;
    for (const std::vector<PdfFragment>& column : columns) {
      std::vector<PdfFragment> band;
      for (const PdfFragment& fragment : column) {
        if (fragment.middle() > top && fragment.middle() <= bottom) band.push_back(fragment);
      }
      if (!band.empty()) regions.push_back(std::move(band));
    }
    if (i < across.size()) regions.push_back({across[i]});
    top = bottom;
  }
  return regions;
}

Vocabulary CollectVocabulary(const std::vector<PdfPage>& pages) {
  constexpr size_t kMaxWords = 200'000;
  Vocabulary words;
  for (const PdfPage& page : pages) {
    for (const PdfFragment& fragment : page.fragments) {
      std::string word;
      bool first = true;
      for (const char c : fragment.text) {
        if (std::isalpha(static_cast<unsigned char>(c))) {
          word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
        } else {
          if (!word.empty() && !first && words.size() < kMaxWords) words.insert(word);
          first = first && word.empty();
          word.clear();
        }
      }
    }
  }
  return words;
}

}  // namespace hadal::retrieval
