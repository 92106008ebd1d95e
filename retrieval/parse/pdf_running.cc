#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "retrieval/parse/pdf_layout.h"

namespace hadal::retrieval {
namespace {

constexpr double kEdge = 0.12;      // share of the page's height where running text stands
constexpr size_t kMaxEdgeRows = 3;  // a header or footer has no more lines
constexpr double kApart = 0.7;      // heights of a line between running text and body
constexpr double kSamePlace = 6;    // points up or down; scans lie a little differently
constexpr size_t kMaxSample = 100'000;

/// A text with its whole numbers in two readings: as they are, or as their distance from the number
/// of the page, in which "Page 3 of 9" and "Page 4 of 9" are the same.
struct RunningText {
  std::vector<std::string> words;  ///< between the numbers
  std::vector<int64_t> numbers;
};

RunningText SplitNumbers(const std::string& text) {
  RunningText split;
  split.words.emplace_back();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') {
      if (text[i] != ' ') split.words.back().push_back(text[i]);
      continue;
    }
    int64_t number = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      number = std::min<int64_t>(number * 10 + (text[i] - '0'), 1'000'000'000);
    }
    --i;
    split.numbers.push_back(number);
    split.words.emplace_back();
  }
  return split;
}

/// Forms that are page numbers by themselves, "#" standing for a number.
bool IsPageNumber(const RunningText& text) {
  static const std::set<std::string> kForms = {
      "-#-",          "–#–",         "—#—",   "#/#",   "第#页",    "第#页共#页", "第#页,共#页",
      "第#页，共#页", "第#页/共#页", "Page#", "page#", "Page#of#", "page#of#",   "共#页第#页",
      "－#－",        "·#·",         "[#]",   "P.#",   "p.#",      "#of#"};
  std::string form = text.words[0];
  for (size_t i = 1; i < text.words.size(); ++i) form += "#" + text.words[i];
  return kForms.contains(form);
}

/// One line at an edge of a page.
struct Occurrence {
  const PdfFragment* fragment;
  int32_t page;
  double from_edge;  ///< of its middle, from the top or from the bottom
  RunningText text;
};

/// The same line on another page: the same words, and each number the same or counting the pages.
bool SameRunningText(const Occurrence& a, const Occurrence& b) {
  if (a.text.words != b.text.words || std::abs(a.from_edge - b.from_edge) > kSamePlace)
    return false;
  for (size_t i = 0; i < a.text.numbers.size(); ++i) {
    const int64_t difference = b.text.numbers[i] - a.text.numbers[i];
    if (difference != 0 && difference != b.page - a.page) return false;
  }
  return true;
}

/// Lines of all pages that stand in the same place with the same text. Occurrences of one key (the
/// words) are compared to the first of each group only.
class RunningLines {
 public:
  void Add(Occurrence occurrence) {
    std::string key;
    for (const std::string& word : occurrence.text.words) key += word + '\n';
    std::vector<Group>& groups = groups_[key];
    constexpr size_t kMaxGroups = 64;
    for (Group& group : groups) {
      if (!SameRunningText(group.first, occurrence)) continue;
      group.pages.insert(occurrence.page);
      group.members.insert(occurrence.fragment);
      return;
    }
    if (groups.size() >= kMaxGroups) return;
    Group group{occurrence, {occurrence.page}, {occurrence.fragment}};
    groups.push_back(std::move(group));
  }

  /// Fragments that are on at least `repeated` pages.
  std::set<const PdfFragment*> Repeated(size_t repeated) const {
    std::set<const PdfFragment*> found;
    for (const auto& [key, groups] : groups_) {
      for (const Group& group : groups) {
        if (group.pages.size() >= repeated) {
          found.insert(group.members.begin(), group.members.end());
        }
      }
    }
    return found;
  }

 private:
  struct Group {
    Occurrence first;
    std::set<int32_t> pages;
    std::set<const PdfFragment*> members;
  };
  std::map<std::string, std::vector<Group>> groups_;
};

/// Fragments that share a line; positions in the page.
struct EdgeRow {
  double y0;
  double y1;
  std::vector<const PdfFragment*> fragments;
};

/// The page's lines from one edge inwards, one more than may be running text.
std::vector<EdgeRow> EdgeRows(const PdfPage& page, bool top) {
  std::vector<const PdfFragment*> sorted;
  for (const PdfFragment& fragment : page.fragments) sorted.push_back(&fragment);
  std::sort(sorted.begin(), sorted.end(), [&](const PdfFragment* a, const PdfFragment* b) {
    return top ? a->middle() < b->middle() : a->middle() > b->middle();
  });
  std::vector<EdgeRow> rows;
  for (const PdfFragment* fragment : sorted) {
    if (!rows.empty()) {
      EdgeRow& row = rows.back();
      if (fragment->middle() > row.y0 && fragment->middle() < row.y1) {
        row.fragments.push_back(fragment);
        row.y0 = std::min(row.y0, fragment->y0);
        row.y1 = std::max(row.y1, fragment->y1);
        continue;
      }
    }
    if (rows.size() > kMaxEdgeRows) break;
    rows.push_back({fragment->y0, fragment->y1, {fragment}});
  }
  return rows;
}

bool InEdge(const EdgeRow& row, const PdfPage& page, bool top) {
  return top ? row.y1 < kEdge * page.height : row.y0 > (1 - kEdge) * page.height;
}

/// Whether a space wider than between lines follows the row inwards; nothing but running text on
/// the page counts as that too.
bool StandsApart(const std::vector<EdgeRow>& rows, size_t at) {
  if (at + 1 >= rows.size()) return true;
  const double gap = std::max(rows[at + 1].y0 - rows[at].y1, rows[at].y0 - rows[at + 1].y1);
  return gap > kApart * (rows[at].y1 - rows[at].y0);
}

/// From the edge inwards as long as every part of a line repeats; body text below stays.
void MarkRunningRows(const PdfPage& page, bool top, const std::set<const PdfFragment*>& repeated,
                     std::set<const PdfFragment*>& running) {
  const std::vector<EdgeRow> rows = EdgeRows(page, top);
  size_t end = 0;
  for (size_t i = 0; i < rows.size() && i < kMaxEdgeRows && InEdge(rows[i], page, top); ++i) {
    bool running_row = true;
    bool page_number = true;
    for (const PdfFragment* fragment : rows[i].fragments) {
      const bool number = IsPageNumber(SplitNumbers(fragment->text));
      running_row = running_row && (number || repeated.contains(fragment));
      page_number = page_number && number;
    }
    if (!running_row) break;
    if (page_number || StandsApart(rows, i)) end = i + 1;
  }
  for (size_t i = 0; i < end; ++i) {
    running.insert(rows[i].fragments.begin(), rows[i].fragments.end());
  }
}

/// Watermarks: far larger than the rest and on many pages. So are lines along the margin.
std::set<std::string> RepeatedMarks(const std::vector<PdfPage>& pages, size_t repeated,
                                    double huge) {
  std::map<std::string, std::set<int32_t>> pages_of;
  for (const PdfPage& page : pages) {
    for (const PdfFragment& fragment : page.fragments) {
      if (fragment.height() > huge) pages_of[fragment.text].insert(page.number);
    }
    for (const PdfFragment& line : page.aside) pages_of[line.text].insert(page.number);
  }
  std::set<std::string> marks;
  for (const auto& [text, numbers] : pages_of) {
    if (numbers.size() >= repeated) marks.insert(text);
  }
  return marks;
}

double HugeHeight(const std::vector<PdfPage>& pages) {
  std::vector<double> heights;
  for (const PdfPage& page : pages) {
    for (const PdfFragment& fragment : page.fragments) {
      if (heights.size() < kMaxSample) heights.push_back(fragment.height());
    }
  }
  if (heights.empty()) return 0;
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  return 2.5 * *middle;
}

}  // namespace

void RemoveRunningText(std::vector<PdfPage>& pages) {
  RunningLines lines;
  for (const PdfPage& page : pages) {
    for (const bool top : {true, false}) {
      for (const EdgeRow& row : EdgeRows(page, top)) {
        if (!InEdge(row, page, top)) break;
        for (const PdfFragment* fragment : row.fragments) {
          const double middle = fragment->middle();
          lines.Add({fragment, page.number, top ? -middle : page.height - middle,
                     SplitNumbers(fragment->text)});
        }
      }
    }
  }
  const size_t many = std::max<size_t>(2, (pages.size() * 2 + 4) / 5);
  // A chapter's title runs over its pages only.
  const std::set<const PdfFragment*> repeated = lines.Repeated(std::min<size_t>(many, 3));
  const double huge = HugeHeight(pages);
  const std::set<std::string> marks = RepeatedMarks(pages, many, huge);
  for (PdfPage& page : pages) {
    std::set<const PdfFragment*> running;
    for (const bool top : {true, false}) MarkRunningRows(page, top, repeated, running);
    const auto is_mark = [&](const PdfFragment& line) { return marks.contains(line.text); };
    std::vector<PdfFragment> kept;
    for (PdfFragment& fragment : page.fragments) {
      const bool mark = fragment.height() > huge && is_mark(fragment);
      if (!mark && !running.contains(&fragment)) kept.push_back(std::move(fragment));
    }
    page.fragments = std::move(kept);
    std::erase_if(page.aside, is_mark);
  }
}

}  // namespace hadal::retrieval
