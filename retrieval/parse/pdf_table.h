#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {

/// Fragments that share a line, from left to right.
struct VisualRow {
  double y0 = 0;
  double y1 = 0;
  std::vector<PdfFragment> fragments;
};

/// Groups fragments into lines from top to bottom.
std::vector<VisualRow> GroupRows(std::vector<PdfFragment> fragments);

/// Index one past the table that begins at row `first`, or `first` when none does. A table is two
/// or more rows whose fragments stand in common columns; cells may be several lines high and
/// centred, so a table may begin and contain lines with one fragment only.
size_t FindTableEnd(const std::vector<VisualRow>& rows, size_t first);

/// Lower-case Latin words of a document: tells "Immedia|te" from "Portable|detector".
using Vocabulary = std::unordered_set<std::string>;

/// One row of a table, however many lines high, and where it stands.
struct TableRow {
  std::vector<std::string> cells;  ///< one for each column, empty ones too
  double y0 = 0;
  double y1 = 0;
};

/// Rows [first, last) of lines as the rows of a table.
std::vector<TableRow> ReadTable(const std::vector<VisualRow>& rows, size_t first, size_t last,
                                const Vocabulary& vocabulary);

/// As AppendJoined(), and a Latin word broken by a margin (with a hyphen, or in a narrow cell
/// without one) becomes whole when the vocabulary knows it.
void AppendWrapped(std::string_view next, const Vocabulary& vocabulary, std::string& text);

}  // namespace hadal::retrieval
