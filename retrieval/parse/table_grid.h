#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "retrieval/parse/document_builder.h"

namespace hadal::retrieval {

struct TableCell {
  std::string text;
  int column_span = 1;
  int row_span = 1;
  bool header = false;
};

/// Rows of a table whose cells may span rows: a spanning cell's text stands in each row it covers,
/// so that a row can be read alone. Not thread-safe.
class TableGrid {
 public:
  void Start(int32_t table);
  void StartRow() { row_.clear(); }
  void AddCell(TableCell cell) { row_.push_back(std::move(cell)); }
  /// Writes the row; one of header cells only counts as header.
  void EndRow(DocumentBuilder& builder, int32_t page = 0);

 private:
  struct Carried {
    std::string text;
    int rows_left = 0;
  };
  int32_t table_ = 0;
  std::vector<TableCell> row_;
  std::vector<Carried> carried_;  // by column
};

}  // namespace hadal::retrieval
