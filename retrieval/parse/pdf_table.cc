#include "retrieval/parse/pdf_table.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace hadal::retrieval {
namespace {

// In heights of a line.
constexpr double kSameRowOverlap = 0.5;
constexpr double kMaxRowGap = 2.6;        // further apart, two rows are not of one table
constexpr double kLeadingLineGap = 0.45;  // a cell's first line above the middle of its row
constexpr double kOverlappingGap = 0.3;   // beside the row above rather than below it
constexpr double kCloseGap = 0.6;         // line spacing inside a cell
constexpr size_t kMaxCellLines = 6;       // looked ahead
constexpr double kGapJump = 0.12;         // between line spacing in a cell and space between rows

struct Interval {
  double low = 0;
  double high = 0;
  bool Overlaps(double other_low, double other_high) const {
    return low < other_high && other_low < high;
  }
};

/// Common columns: the union of overlapping fragments, narrow ones first so that a heading across
/// columns joins none together.
std::vector<Interval> FindColumns(const std::vector<VisualRow>& rows, size_t first, size_t last) {
  std::vector<const PdfFragment*> fragments;
  for (size_t i = first; i < last; ++i) {
    for (const PdfFragment& fragment : rows[i].fragments) fragments.push_back(&fragment);
  }
  std::sort(fragments.begin(), fragments.end(),
            [](const PdfFragment* a, const PdfFragment* b) { return a->width() < b->width(); });
  std::vector<Interval> columns;
  for (const PdfFragment* fragment : fragments) {
    Interval* hit = nullptr;
    int hits = 0;
    for (Interval& column : columns) {
      if (!column.Overlaps(fragment->x0, fragment->x1)) continue;
      ++hits;
      hit = &column;
    }
    if (hits == 0) columns.push_back({fragment->x0, fragment->x1});
    if (hits == 1) *hit = {std::min(hit->low, fragment->x0), std::max(hit->high, fragment->x1)};
  }
  std::sort(columns.begin(), columns.end(),
            [](const Interval& a, const Interval& b) { return a.low < b.low; });
  return columns;
}

/// The column with most overlap; -1 without any.
int ColumnOf(const PdfFragment& fragment, const std::vector<Interval>& columns) {
  int best = -1;
  double best_overlap = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    const double overlap =
        std::min(fragment.x1, columns[i].high) - std::max(fragment.x0, columns[i].low);
    if (overlap > best_overlap) {
      best_overlap = overlap;
      best = static_cast<int>(i);
    }
  }
  return best;
}

int CountColumns(const PdfFragment& fragment, const std::vector<Interval>& columns) {
  int hits = 0;
  for (const Interval& column : columns) hits += column.Overlaps(fragment.x0, fragment.x1);
  return hits;
}

/// Some fragment stands in a column, or the row lies beside the one above (`gap` in heights) in
/// columns of its own.
bool FitsColumns(const VisualRow& row, const std::vector<Interval>& columns, double gap) {
  bool crosses = false;
  for (const PdfFragment& fragment : row.fragments) {
    const int hits = CountColumns(fragment, columns);
    if (hits == 1) return true;
    crosses = crosses || hits > 1;
  }
  return !crosses && gap < kOverlappingGap;
}

double RowGap(const std::vector<VisualRow>& rows, size_t upper) {
  const double height = rows[upper].y1 - rows[upper].y0;
  return (rows[upper + 1].y0 - rows[upper].y1) / std::max(1.0, height);
}

/// Whether row `at`, a single fragment, is a line of a tall cell: it stands in one column (or right
/// beside the row above, in a column of its own), and rows with several cells go on below it, or it
/// follows the row above closely as the table's last line.
bool IsCellLine(const std::vector<VisualRow>& rows, size_t at,
                const std::vector<Interval>& columns) {
  const int hits = CountColumns(rows[at].fragments[0], columns);
  const double gap = RowGap(rows, at - 1);
  if (hits > 1 || (hits == 0 && gap > kOverlappingGap)) return false;
  if (gap < kCloseGap) return true;
  for (size_t next = at + 1; next < rows.size() && next <= at + kMaxCellLines; ++next) {
    if (RowGap(rows, next - 1) > kMaxRowGap) return false;
    if (rows[next].fragments.size() > 1) return FitsColumns(rows[next], columns, gap);
    if (CountColumns(rows[next].fragments[0], columns) > 1) return false;
  }
  return false;
}

struct Cell {
  int column = 0;
  double y0 = 0;
  double y1 = 0;
  std::string text;
};

/// The gap (points) from which two lines of one column belong to two cells. Line spacing inside
/// cells is the lowest group of gaps; negative infinity when every line is a cell of its own.
double CellGapThreshold(std::vector<double> gaps, double height) {
  std::sort(gaps.begin(), gaps.end());
  for (size_t i = 0; i + 1 < gaps.size(); ++i) {
    if (gaps[i] > 0.9 * height) break;
    if (gaps[i + 1] - gaps[i] > kGapJump * height) return (gaps[i] + gaps[i + 1]) / 2;
  }
  return -1e9;
}

std::string LastWord(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(text[begin - 1]))) --begin;
  return std::string(text.substr(begin));
}

std::string FirstWord(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
  return std::string(text.substr(0, end));
}

std::string Lower(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

bool StandsBeside(const Cell& cell, const TableRow& row) {
  const double overlap = std::min(row.y1, cell.y1) - std::max(row.y0, cell.y0);
  return overlap >= 0.3 * std::min(row.y1 - row.y0, cell.y1 - cell.y0);
}

using ColumnFragments = std::vector<std::vector<PdfFragment>>;

std::vector<Cell> MakeCells(ColumnFragments& by_column, const Vocabulary& vocabulary) {
  std::vector<double> gaps;
  double height = 0;
  for (std::vector<PdfFragment>& column : by_column) {
    std::sort(column.begin(), column.end(),
              [](const PdfFragment& a, const PdfFragment& b) { return a.y0 < b.y0; });
    for (size_t i = 0; i < column.size(); ++i) {
      height = std::max(height, column[i].height());
      if (i > 0) gaps.push_back(column[i].y0 - column[i - 1].y1);
    }
  }
  const double threshold = CellGapThreshold(std::move(gaps), height);
  std::vector<Cell> cells;
  for (size_t c = 0; c < by_column.size(); ++c) {
    for (size_t i = 0; i < by_column[c].size(); ++i) {
      const PdfFragment& fragment = by_column[c][i];
      const bool same_line = i > 0 && fragment.middle() < cells.back().y1;
      if (i > 0 && (same_line || fragment.y0 - by_column[c][i - 1].y1 < threshold)) {
        AppendWrapped(fragment.text, vocabulary, cells.back().text);
        cells.back().y1 = std::max(cells.back().y1, fragment.y1);
      } else {
        cells.push_back({static_cast<int>(c), fragment.y0, fragment.y1, fragment.text});
      }
    }
  }
  return cells;
}

}  // namespace

std::vector<VisualRow> GroupRows(std::vector<PdfFragment> fragments) {
  std::sort(fragments.begin(), fragments.end(),
            [](const PdfFragment& a, const PdfFragment& b) { return a.middle() < b.middle(); });
  std::vector<VisualRow> rows;
  for (PdfFragment& fragment : fragments) {
    if (!rows.empty()) {
      const PdfFragment& first = rows.back().fragments.front();
      const double overlap = std::min(first.y1, fragment.y1) - std::max(first.y0, fragment.y0);
      if (overlap > kSameRowOverlap * std::min(first.height(), fragment.height())) {
        rows.back().y0 = std::min(rows.back().y0, fragment.y0);
        rows.back().y1 = std::max(rows.back().y1, fragment.y1);
        rows.back().fragments.push_back(std::move(fragment));
        continue;
      }
    }
    VisualRow row{fragment.y0, fragment.y1, {}};
    row.fragments.push_back(std::move(fragment));
    rows.push_back(std::move(row));
  }
  for (VisualRow& row : rows) {
    std::sort(row.fragments.begin(), row.fragments.end(),
              [](const PdfFragment& a, const PdfFragment& b) { return a.x0 < b.x0; });
  }
  return rows;
}

size_t FindTableEnd(const std::vector<VisualRow>& rows, size_t first) {
  // The first row with several fragments, at most a few lines of a tall cell below `first`.
  size_t begin = first;
  while (begin < rows.size() && begin < first + 4 && rows[begin].fragments.size() < 2) {
    if (begin + 1 == rows.size() || RowGap(rows, begin) > kLeadingLineGap) return first;
    ++begin;
  }
  if (begin == rows.size() || rows[begin].fragments.size() < 2) return first;
  size_t end = begin + 1;
  size_t tabular = 1;
  while (end < rows.size() && RowGap(rows, end - 1) < kMaxRowGap) {
    const std::vector<Interval> columns = FindColumns(rows, first, end);
    const bool several = rows[end].fragments.size() > 1;
    if (several ? !FitsColumns(rows[end], columns, RowGap(rows, end - 1))
                : !IsCellLine(rows, end, columns))
      break;
    tabular += several;
    ++end;
  }
  const std::vector<Interval> columns = FindColumns(rows, first, end);
  return tabular < 2 || columns.size() < 2 ? first : end;
}

void AppendWrapped(std::string_view next, const Vocabulary& vocabulary, std::string& text) {
  const bool hyphen = text.size() > 1 && text.back() == '-' &&
                      std::isalpha(static_cast<unsigned char>(text[text.size() - 2]));
  const std::string head =
      LastWord(hyphen ? std::string_view(text).substr(0, text.size() - 1) : std::string_view(text));
  const std::string tail = FirstWord(next);
  if (!head.empty() && !tail.empty() && std::islower(static_cast<unsigned char>(tail[0]))) {
    const bool known = vocabulary.contains(Lower(head + tail));
    if (hyphen) {
      if (known) text.pop_back();
      text += next;
      return;
    }
    if (known && !(vocabulary.contains(Lower(head)) && vocabulary.contains(Lower(tail)))) {
      text += next;
      return;
    }
  }
  AppendJoined(next, text);
}

std::vector<TableRow> ReadTable(const std::vector<VisualRow>& rows, size_t first, size_t last,
                                const Vocabulary& vocabulary) {
  const std::vector<Interval> columns = FindColumns(rows, first, last);
  ColumnFragments by_column(columns.size());
  for (size_t i = first; i < last; ++i) {
    for (const PdfFragment& fragment : rows[i].fragments) {
      const int column = ColumnOf(fragment, columns);
      by_column[static_cast<size_t>(std::max(0, column))].push_back(fragment);
    }
  }
  std::vector<Cell> cells = MakeCells(by_column, vocabulary);
  std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return a.y0 < b.y0; });
  std::vector<TableRow> table;
  for (Cell& cell : cells) {
    if (table.empty() || !StandsBeside(cell, table.back())) {
      table.push_back({std::vector<std::string>(columns.size()), cell.y0, cell.y1});
    }
    TableRow& row = table.back();
    row.y1 = std::max(row.y1, cell.y1);
    std::string& text = row.cells[static_cast<size_t>(cell.column)];
    if (text.empty()) {
      text = std::move(cell.text);
    } else {
      AppendJoined(cell.text, text);
    }
  }
  return table;
}

}  // namespace hadal::retrieval
