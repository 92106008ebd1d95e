#include "retrieval/parse/sheet_cells.h"

#include <algorithm>
#include <utility>

namespace hadal::retrieval {
namespace {

constexpr int32_t kMaxRow = 1'048'576;
constexpr int32_t kMaxColumn = 16'384;

/// "AB12", "$" allowed.
bool ParseCell(std::string_view text, int32_t& row, int32_t& column) {
  row = column = 0;
  for (const char c : text) {
    if (c == '$') continue;
    if (c >= 'A' && c <= 'Z' && row == 0) {
      column = column * 26 + (c - 'A' + 1);
    } else if (c >= '0' && c <= '9') {
      row = row * 10 + (c - '0');
    } else {
      return false;
    }
    if (row > kMaxRow || column > kMaxColumn) return false;
  }
  return row > 0 && column > 0;
}

}  // namespace

bool ParseCellRange(std::string_view reference, CellRange& range) {
  const size_t colon = reference.find(':');
  if (!ParseCell(reference.substr(0, colon), range.first_row, range.first_column)) return false;
  range.last_row = range.first_row;
  range.last_column = range.first_column;
  if (colon == std::string_view::npos) return true;
  if (!ParseCell(reference.substr(colon + 1), range.last_row, range.last_column)) return false;
  if (range.first_row > range.last_row) std::swap(range.first_row, range.last_row);
  if (range.first_column > range.last_column) std::swap(range.first_column, range.last_column);
  return true;
}

}  // namespace hadal::retrieval
