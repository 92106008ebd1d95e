#pragma once

#include <string>

#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/sheet_cells.h"

namespace hadal::retrieval {

/// Writes a sheet as tables and paragraphs: a row with one value is a paragraph (a title, a note);
/// runs of other rows are tables, with their header rows found by frozen panes, filters, styles and
/// types. A merged cell's text stands in each of its cells, so that a row can be read alone.
/// Returns the text right above the first table, "" without one: the sheet's title.
std::string WriteSheet(const Sheet& sheet, DocumentBuilder& builder);

}  // namespace hadal::retrieval
