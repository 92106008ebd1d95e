#include "retrieval/parse/xlsx_sheet.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr int32_t kMaxColumn = 16'384;
constexpr size_t kMaxRanges = 65'536;
constexpr size_t kMaxPainted = 1000;  // beyond, every cell may be painted: each asks all of them

/// Row numbers and the like: what no sheet has becomes -1.
int32_t SmallAttribute(const pugi::xml_node& node, std::string_view name, int32_t fallback) {
  const int64_t value = IntAttribute(node, name, fallback);
  return value >= 0 && value <= 100'000'000 ? static_cast<int32_t>(value) : -1;
}

/// Ranges of a list such as "A1:B2 D4".
void AddRanges(std::string_view list, std::vector<CellRange>& ranges) {
  while (!list.empty() && ranges.size() < kMaxRanges) {
    const size_t end = std::min(list.find(' '), list.size());
    CellRange range;
    if (ParseCellRange(list.substr(0, end), range)) ranges.push_back(range);
    list.remove_prefix(std::min(list.size(), end + 1));
  }
}

/// Spreadsheets write characters XML cannot hold as _x000D_, and "_x005F_" for a real underscore.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at, 2) == "_x" && at + 6 < text.size() && text[at + 6] == '_') {
      const std::string hex(text.substr(at + 2, 4));
      char* end = nullptr;
      const long code = std::strtol(hex.c_str(), &end, 16);
      if (end == hex.c_str() + 4 && code > 0 && code < 0x80) {
        plain.push_back(static_cast<char>(code));
        at += 6;
        continue;
      }
    }
    plain.push_back(text[at]);
  }
  return plain;
}

class SheetReader {
 public:
  SheetReader(const pugi::xml_node& root, const Workbook& workbook, SheetLosses& losses)
      : root_(root), workbook_(workbook), losses_(losses), hidden_columns_(kMaxColumn + 1) {}

  Sheet Read(std::vector<CellRange> tables) {
    // What fills cells with colour from outside their style.
    painted_ = tables;
    sheet_.filters = std::move(tables);
    CellRange filter;
    if (ParseCellRange(AttributeOf(Child(root_, "autoFilter"), "ref"), filter)) {
      sheet_.filters.push_back(filter);
    }
    ReadFrozenRows();
    for (const pugi::xml_node& node : root_.children()) {
      if (LocalName(node) == "cols") ReadColumns(node);
      if (LocalName(node) == "conditionalFormatting") {
        AddRanges(AttributeOf(node, "sqref"), painted_);
      }
    }
    for (const pugi::xml_node& merge : Child(root_, "mergeCells").children()) {
      AddRanges(AttributeOf(merge, "ref"), sheet_.merges);
    }
    for (const pugi::xml_node& row : Child(root_, "sheetData").children()) {
      if (LocalName(row) == "row") ReadRow(row);
    }
    return std::move(sheet_);
  }

 private:
  void ReadFrozenRows() {
    const pugi::xml_node pane = Child(Child(Child(root_, "sheetViews"), "sheetView"), "pane");
    if (AttributeOf(pane, "state").starts_with("frozen")) {
      sheet_.frozen_rows = SmallAttribute(pane, "ySplit", 0);
    }
  }

  void ReadColumns(const pugi::xml_node& columns) {
    for (const pugi::xml_node& column : columns.children()) {
      if (!IsTrueAttribute(column, "hidden") && AttributeOf(column, "width") != "0") continue;
      const int32_t last = std::min(SmallAttribute(column, "max", 0), kMaxColumn);
      for (int32_t i = std::max(1, SmallAttribute(column, "min", 1)); i <= last; ++i) {
        hidden_columns_[static_cast<size_t>(i)] = true;
      }
    }
  }

  void ReadRow(const pugi::xml_node& node) {
    SheetRow row;
    row.number = SmallAttribute(node, "r", last_row_ + 1);
    blank_ = blank_ || row.number != last_row_ + 1;
    last_row_ = row.number;
    const bool hidden = IsTrueAttribute(node, "hidden") || AttributeOf(node, "ht") == "0";
    int32_t next_column = 1;
    for (const pugi::xml_node& cell : node.children()) {
      if (LocalName(cell) != "c") continue;
      CellRange place;
      if (ParseCellRange(AttributeOf(cell, "r"), place)) next_column = place.first_column;
      if (next_column > kMaxColumn) break;
      ReadCell(cell, next_column++, hidden, row);
    }
    if (row.cells.empty()) {
      blank_ = blank_ || !hidden;
      return;
    }
    row.after_blank = std::exchange(blank_, false);
    std::stable_sort(row.cells.begin(), row.cells.end(),
                     [](const SheetCell& a, const SheetCell& b) { return a.column < b.column; });
    sheet_.rows.push_back(std::move(row));
  }

  void ReadCell(const pugi::xml_node& node, int32_t column, bool hidden_row, SheetRow& row) {
    SheetCell cell;
    cell.column = column;
    cell.style = SmallAttribute(node, "s", 0);
    if (!ReadValue(node, cell)) return;
    const XlsxStyles::Style& style = workbook_.styles.Find(cell.style);
    const bool hidden = hidden_row || hidden_columns_[static_cast<size_t>(column)] ||
                        !HasVisible(cell.text) || (cell.is_text && style.format.ShowsNothing()) ||
                        (style.white_on_white && !IsPainted(row.number, column));
    if (hidden) {
      ++losses_.hidden_cells;
    } else {
      row.cells.push_back(std::move(cell));
    }
  }

  bool IsPainted(int32_t row, int32_t column) const {
    if (painted_.size() > kMaxPainted) return true;
    return std::any_of(painted_.begin(), painted_.end(),
                       [&](const CellRange& range) { return range.Contains(row, column); });
  }

  /// The cell's text as shown, which may be nothing; false for a cell without a value.
  bool ReadValue(const pugi::xml_node& node, SheetCell& cell) {
    const std::string_view type = AttributeOf(node, "t");
    if (type == "inlineStr") {
      cell.text = RichText(Child(node, "is"));
      return HasVisible(cell.text);
    }
    const char* value = Child(node, "v").text().get();
    if (*value == '\0') {
      // A formula may well have given an empty text.
      losses_.missing_formulas += type != "str" && Child(node, "f");
      return false;
    }
    if (type == "s") {
      const unsigned long index = std::strtoul(value, nullptr, 10);
      if (index >= workbook_.strings.size()) return false;
      cell.text = workbook_.strings[index];
    } else if (type == "str" || type == "e" || type == "d") {
      cell.text = Unescape(value);
    } else if (type == "b") {
      cell.text = value == std::string_view("1") ? "TRUE" : "FALSE";
      cell.is_text = false;
    } else {
      ReadNumber(value, cell);
      return true;
    }
    return HasVisible(cell.text);
  }

  void ReadNumber(const char* value, SheetCell& cell) {
    char* end = nullptr;
    const double number = std::strtod(value, &end);
    if (end == value || *end != '\0') {
      cell.text = value;
      return;
    }
    cell.text = workbook_.styles.Find(cell.style).format.Show(number, workbook_.date1904);
    cell.is_text = false;
  }

  const pugi::xml_node& root_;
  const Workbook& workbook_;
  SheetLosses& losses_;
  Sheet sheet_;
  std::vector<CellRange> painted_;
  std::vector<bool> hidden_columns_;
  int32_t last_row_ = 0;
  bool blank_ = true;  // an empty row since the last one that shows something
};

}  // namespace

std::string RichText(const pugi::xml_node& item) {
  std::string text;
  for (const pugi::xml_node& node : item.children()) {
    if (LocalName(node) == "t") text += node.text().get();
    if (LocalName(node) == "r") text += Child(node, "t").text().get();
  }
  return Unescape(text);
}

Sheet ReadXlsxSheet(const pugi::xml_node& root, const Workbook& workbook,
                    std::vector<CellRange> tables, SheetLosses& losses) {
  return SheetReader(root, workbook, losses).Read(std::move(tables));
}

}  // namespace hadal::retrieval
