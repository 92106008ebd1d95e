#pragma once

#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {

/// Whether a page's text layer is text. A scan has none; a font without a table of its characters
/// gives garbage: private-use or undefined characters, or the numbers of its glyphs taken for
/// characters, which fall into many scripts at once.
bool HasReadableText(const PdfPage& page);

}  // namespace hadal::retrieval
