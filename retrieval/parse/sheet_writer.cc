#include "retrieval/parse/sheet_writer.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxActiveMerges = 1024;   // over one row; real sheets have some dozens
constexpr size_t kMaxRepeatedBytes = 4096;  // a merged cell is repeated: keep repeats short
constexpr int32_t kMaxHeaderRows = 10;

/// A value of a row with the columns it stands in.
struct Value {
  int32_t first_column = 0;
  int32_t last_column = 0;
  std::string text;
  bool is_text = true;
  int32_t style = 0;
};

struct Line {
  int32_t row = 0;
  std::vector<Value> values;  // by column
};

/// A merged cell that covers the row at hand.
struct ActiveMerge {
  CellRange range;
  Value value;
};

bool AllText(const Line& line) {
  return std::all_of(line.values.begin(), line.values.end(),
                     [](const Value& value) { return value.is_text; });
}

class SheetWriter {
 public:
  SheetWriter(const Sheet& sheet, DocumentBuilder& builder)
      : sheet_(sheet), builder_(builder), merges_(sheet.merges) {
    std::stable_sort(merges_.begin(), merges_.end(), [](const CellRange& a, const CellRange& b) {
      return a.first_row < b.first_row;
    });
  }

  std::string Write() {
    for (const SheetRow& row : sheet_.rows) {
      if (builder_.full()) break;
      Advance(row.number);
      // The rows below a tall merged cell may be empty otherwise and still belong together.
      const bool bridged = std::any_of(active_.begin(), active_.end(), [&](const ActiveMerge& one) {
        return one.range.first_row < row.number;
      });
      if (row.after_blank && !bridged) {
        Flush();
        after_blank_ = true;
      }
      Line line = LineOf(row);
      if (line.values.empty()) continue;
      if (IsNote(line)) {
        Flush();
        if (table_ == 0) title_ = line.values[0].text;
        builder_.AddParagraph(line.values[0].text);
      } else {
        for (const SheetCell& cell : row.cells) columns_.insert(cell.column);
        lines_.push_back(std::move(line));
      }
    }
    Flush();
    return table_ > 0 ? title_ : std::string();
  }

 private:
  /// Makes active_ the merged cells that cover `row`.
  void Advance(int32_t row) {
    std::erase_if(active_, [&](const ActiveMerge& one) { return one.range.last_row < row; });
    for (; next_merge_ < merges_.size() && merges_[next_merge_].first_row <= row; ++next_merge_) {
      const CellRange& range = merges_[next_merge_];
      if (range.last_row >= row && active_.size() < kMaxActiveMerges) {
        active_.push_back({range, {range.first_column, range.last_column, {}, true, 0}});
      }
    }
  }

  Line LineOf(const SheetRow& row) {
    Line line{row.number, {}};
    for (const SheetCell& cell : row.cells) {
      const auto merge = std::find_if(active_.begin(), active_.end(), [&](const ActiveMerge& one) {
        return one.range.Contains(row.number, cell.column);
      });
      Value value{cell.column, cell.column, cell.text, cell.is_text, cell.style};
      if (merge != active_.end()) {
        // Under a merged cell only its first cell shows.
        if (merge->range.first_row != row.number || merge->range.first_column != cell.column) {
          continue;
        }
        value.last_column = merge->range.last_column;
        merge->value = value;
        if (value.text.size() > kMaxRepeatedBytes) merge->value.text.clear();
      }
      line.values.push_back(std::move(value));
    }
    if (line.values.empty()) return line;
    for (const ActiveMerge& merge : active_) {
      if (merge.range.first_row < row.number && !merge.value.text.empty()) {
        line.values.push_back(merge.value);
      }
    }
    std::stable_sort(line.values.begin(), line.values.end(), [](const Value& a, const Value& b) {
      return a.first_column < b.first_column;
    });
    return line;
  }

  /// One value over the table, across it, or at the beginning of a row of many columns. Elsewhere
  /// the other values of the row are missing.
  bool IsNote(const Line& line) const {
    if (line.values.size() > 1) return false;
    const Value& value = line.values[0];
    return lines_.empty() || value.last_column > value.first_column ||
           (columns_.size() > 2 && value.first_column <= *columns_.begin());
  }

  /// How many of the collected lines are header rows; 0 when nothing speaks for one.
  size_t HeaderRows() const {
    const auto lines_up_to = [&](int32_t row) {
      size_t count = 0;
      while (count < lines_.size() && lines_[count].row <= row) ++count;
      return count < lines_.size() && count <= size_t{kMaxHeaderRows} ? count : size_t{0};
    };
    if (const size_t frozen = lines_up_to(sheet_.frozen_rows); frozen > 0) return frozen;
    for (const CellRange& range : sheet_.filters) {
      const size_t rows = lines_up_to(range.first_row);
      if (rows > 0 && lines_[rows - 1].row == range.first_row) return rows;
    }
    size_t rows = lines_up_to(LastHeaderRow());
    if (rows == 0) return 0;
    rows += NamesPartsOfGroups(rows);
    if (!std::all_of(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(rows), AllText)) {
      return 0;
    }
    if (lines_[0].values[0].style != lines_[rows].values[0].style) return rows;
    const bool numbers_below =
        !std::all_of(lines_.begin() + static_cast<std::ptrdiff_t>(rows), lines_.end(), AllText);
    return numbers_below && after_blank_ ? rows : 0;
  }

  /// Whether line `index` names the parts of groups that the header above it joins: it looks like
  /// the header, and what follows does not.
  bool NamesPartsOfGroups(size_t index) const {
    if (index + 1 >= lines_.size() || !AllText(lines_[index])) return false;
    const Line& above = lines_[index - 1];
    const Line& below = lines_[index + 1];
    const int32_t style = lines_[index].values[0].style;
    return std::any_of(above.values.begin(), above.values.end(),
                       [](const Value& value) { return value.last_column > value.first_column; }) &&
           above.values[0].style == style && (below.values[0].style != style || !AllText(below));
  }

  /// The first line's row, or the last that a cell merged downwards from it covers.
  int32_t LastHeaderRow() const {
    const int32_t first = lines_[0].row;
    int32_t last = first;
    auto merge =
        std::lower_bound(merges_.begin(), merges_.end(), first,
                         [](const CellRange& range, int32_t row) { return range.first_row < row; });
    for (; merge != merges_.end() && merge->first_row == first; ++merge) {
      if (merge->last_row - first < kMaxHeaderRows) last = std::max(last, merge->last_row);
    }
    return last;
  }

  /// Writes the collected lines. Without a header of their own they go on with the table above.
  void Flush() {
    if (lines_.empty()) return;
    const size_t header = HeaderRows();
    if (header > 0 || table_ == 0) {
      table_ = builder_.NextTable();
      table_columns_ = std::move(columns_);
    } else {
      table_columns_.merge(columns_);
    }
    columns_.clear();
    for (size_t i = 0; i < lines_.size() && !builder_.full(); ++i) {
      builder_.AddTableRow(CellsOf(lines_[i]), table_, i < header);
    }
    lines_.clear();
    after_blank_ = false;
  }

  /// One text for each column of the table, empty ones at the end left out.
  std::vector<std::string> CellsOf(const Line& line) const {
    std::vector<std::string> cells;
    auto value = line.values.begin();
    for (const int32_t column : table_columns_) {
      while (value != line.values.end() && value->last_column < column) ++value;
      if (value == line.values.end()) break;
      cells.push_back(value->first_column <= column ? value->text : std::string());
    }
    return cells;
  }

  const Sheet& sheet_;
  DocumentBuilder& builder_;
  std::vector<CellRange> merges_;  // by first row
  size_t next_merge_ = 0;
  std::vector<ActiveMerge> active_;
  std::vector<Line> lines_;    // of the table at hand
  std::set<int32_t> columns_;  // in which they have cells of their own
  std::set<int32_t> table_columns_;
  int32_t table_ = 0;
  bool after_blank_ = true;
  std::string title_;
};

}  // namespace

std::string WriteSheet(const Sheet& sheet, DocumentBuilder& builder) {
  return SheetWriter(sheet, builder).Write();
}

}  // namespace hadal::retrieval
