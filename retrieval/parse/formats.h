#pragma once

#include <string_view>

#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/parse/document_builder.h"
#include "retrieval/parser.h"

/// One reader per format. Each takes the whole file and returns a document or a rejection.
namespace hadal::retrieval {

/// Plain text; lines of hard-wrapped paragraphs are joined.
ParseOutcome ParseText(std::string_view content);
/// CommonMark with GitHub's tables (cmark-gfm).
ParseOutcome ParseMarkdown(std::string_view content);
/// HTML as browsers read it (gumbo); navigation, scripts and hidden elements are left out.
ParseOutcome ParseHtml(std::string_view content);
/// PDF, read by the separate program pdftotext; pages without text as the options say.
ParseOutcome ParsePdf(std::string_view content, const ParseOptions& options);
/// PNG, JPEG and TIFF, also with several pages: pictures of text.
ParseOutcome ParseImage(std::string_view content, const ParseOptions& options);
/// Office Open XML text documents.
ParseOutcome ParseDocx(std::string_view content);

/// The visible text of HTML already in UTF-8, appended to `builder`; for HTML inside Markdown.
void AppendHtml(std::string_view utf8, DocumentBuilder& builder);

}  // namespace hadal::retrieval
