#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "retrieval/parse/sheet_cells.h"
#include "retrieval/parse/xlsx_styles.h"

namespace hadal::retrieval {

/// What all sheets of a workbook share.
struct Workbook {
  std::vector<std::string> strings;
  XlsxStyles styles;
  bool date1904 = false;
};

/// Cells with something in them that are not read, over all sheets.
struct SheetLosses {
  int64_t hidden_cells = 0;      ///< in hidden rows and columns, or hidden by their format
  int64_t missing_formulas = 0;  ///< formulas whose value was never computed
};

/// The text of <si> or <is>: plain or in runs; phonetic guides left out.
std::string RichText(const pugi::xml_node& item);

/// Reads a <worksheet>. `tables` are the ranges of its tables. The work and the memory follow the
/// cells that are there, not the ranges they span.
Sheet ReadXlsxSheet(const pugi::xml_node& root, const Workbook& workbook,
                    std::vector<CellRange> tables, SheetLosses& losses);

}  // namespace hadal::retrieval
