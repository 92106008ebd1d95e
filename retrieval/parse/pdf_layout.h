#pragma once

#include <vector>

#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parse/pdf_table.h"

namespace hadal::retrieval {

/// The columns of a page in reading order; fragments across all columns (titles) stand alone
/// between them. A page without columns comes out as one region.
std::vector<std::vector<PdfFragment>> SplitColumns(const PdfPage& page);

/// Removes what repeats at the edges of most pages (running titles), page numbers, and watermarks.
void RemoveRunningText(std::vector<PdfPage>& pages);

/// Words inside lines, which no margin can have broken.
Vocabulary CollectVocabulary(const std::vector<PdfPage>& pages);

/// Turns positioned text into headings, paragraphs and table rows in reading order.
void WritePages(const std::vector<PdfPage>& pages, DocumentBuilder& builder);

}  // namespace hadal::retrieval
