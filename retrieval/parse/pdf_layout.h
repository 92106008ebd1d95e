#pragma once

#include <vector>

#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parse/pdf_table.h"

namespace hadal::retrieval {

/// The columns of a page in reading order; fragments across all columns (titles) stand alone
/// between them. A page without columns comes out as one region.
std::vector<std::vector<PdfFragment>> SplitColumns(const PdfPage& page);

/// Removes running titles and page numbers: lines at the edges of pages, apart from the body, that
/// come again in the same place with the same text on other pages, numbers counting the pages or
/// the same; and watermarks. What stands behind a line that does not repeat is body and stays.
void RemoveRunningText(std::vector<PdfPage>& pages);

/// Words inside lines, which no margin can have broken.
Vocabulary CollectVocabulary(const std::vector<PdfPage>& pages);

/// Turns positioned text into headings, paragraphs and table rows in reading order.
void WritePages(const std::vector<PdfPage>& pages, DocumentBuilder& builder);

}  // namespace hadal::retrieval
