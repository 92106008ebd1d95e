#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/status.h"
#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parse/recognition.h"
#include "retrieval/parser.h"

namespace hadal::retrieval {

/// Reads the page at an index from its picture.
using PagePicture = std::function<StatusOr<RecognizedPage>(size_t)>;

/// The document of `pages`, of which those at the indexes `unread` have no readable text: they are
/// recognized where the options ask for it, one after the other; a page that cannot be read is left
/// out and reported. Otherwise the outcome counts them (pages_to_recognize). Rejections:
/// "no_text_layer" (nothing to read without recognition), "too_large" (more pages than may be
/// recognized), "unreadable_scan" (no page could be read), "empty".
ParseOutcome FinishPages(std::vector<PdfPage>& pages, const std::vector<size_t>& unread,
                         const PagePicture& picture, const ParseOptions& options,
                         DocumentBuilder& builder);

}  // namespace hadal::retrieval
