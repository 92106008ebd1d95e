#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// A rectangle of cells; rows and columns count from 1, ends included.
struct CellRange {
  int32_t first_row = 0;
  int32_t last_row = 0;
  int32_t first_column = 0;
  int32_t last_column = 0;

  bool Contains(int32_t row, int32_t column) const {
    return row >= first_row && row <= last_row && column >= first_column && column <= last_column;
  }
};

/// "C3" or "A1:I20"; false for anything else and for cells no sheet has (above XFD1048576).
bool ParseCellRange(std::string_view reference, CellRange& range);

/// A cell with something in it.
struct SheetCell {
  int32_t column = 0;
  std::string text;     ///< as shown
  bool is_text = true;  ///< no number, date or truth value
  int32_t style = 0;
};

struct SheetRow {
  int32_t number = 0;
  bool after_blank = false;      ///< the row above it is empty, or it is the first
  std::vector<SheetCell> cells;  ///< by column, ascending
};

/// What a sheet shows.
struct Sheet {
  std::vector<SheetRow> rows;  ///< those with something in them, ascending
  std::vector<CellRange> merges;
  std::vector<CellRange> filters;  ///< of automatic filters and tables: their first row is a header
  int32_t frozen_rows = 0;         ///< rows that stay in view while the others scroll
};

}  // namespace hadal::retrieval
