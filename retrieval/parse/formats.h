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

/// Office Open XML workbooks: a heading and tables for each visible sheet, values as shown.
ParseOutcome ParseXlsx(std::string_view content);
/// Office Open XML presentations: slides in order with tables, diagrams and notes; page = slide.
ParseOutcome ParsePptx(std::string_view content);
/// Tables of delimited text (RFC 4180).
ParseOutcome ParseCsv(std::string_view content);

/// The files inside one file, over all levels: bounded, since each costs what a file costs.
struct NestedFiles {
  int depth = 0;  ///< of the file at hand
  int files = 0;
  int64_t bytes = 0;
  bool too_many = false;  ///< a bound was reached: the outermost file is refused
};

/// Mail (RFC 5322): header, body, and the attachments by the readers of their formats, each under a
/// heading with its name.
ParseOutcome ParseEml(std::string_view content, NestedFiles& nested);

/// Any format, for files inside files; as ParseFile(). Attachments are read without recognition.
ParseOutcome ParseNested(std::string_view file_name, std::string_view content, NestedFiles& nested,
                         const ParseOptions& options = {});

/// The paragraphs of plain text already in UTF-8, appended to `builder`.
void AppendText(std::string_view utf8, DocumentBuilder& builder);
/// The visible text of HTML already in UTF-8, appended to `builder`; for HTML inside Markdown.
void AppendHtml(std::string_view utf8, DocumentBuilder& builder);

}  // namespace hadal::retrieval
