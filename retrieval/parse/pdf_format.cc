#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/subprocess.h"
#include "retrieval/parse/detect.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/pdf_layout.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parse/program_pipe.h"

namespace hadal::retrieval {
namespace {

// poppler is GPL: run as a program, never linked. The sandbox makes this one path visible.
constexpr const char* kPdfToText = "/usr/bin/pdftotext";

/// Titles that programs fill in by themselves.
bool IsUsefulTitle(std::string_view title) {
  for (std::string_view junk :
       {"untitled", "Untitled", "(anonymous)", "anonymous", "Microsoft Word",
        "Microsoft PowerPoint", "无标题", "未命名", "(unspecified)"}) {
    if (title.starts_with(junk)) return false;
  }
  for (std::string_view ending : {".doc", ".docx", ".pdf", ".indd", ".dvi", ".tex", ".wps"}) {
    if (title.ends_with(ending)) return false;
  }
  return true;
}

ParseOutcome RejectUnread(const ProgramResult& result) {
  if (result.error_text.find("Incorrect password") != std::string::npos) {
    return Rejection("password_protected",
                     "the PDF is protected by a password; save it without one");
  }
  if (result.error_text.find("not allowed") != std::string::npos) {
    return Rejection("copy_forbidden",
                     "the PDF's owner forbids taking text out of it; ask for a copy without "
                     "restrictions");
  }
  if (WIFSIGNALED(result.wait_status) && WTERMSIG(result.wait_status) == SIGXCPU) {
    return Rejection("timeout", "reading the PDF took more processor time than allowed");
  }
  if (WIFSIGNALED(result.wait_status)) {
    return Rejection("parser_crashed",
                     fmt::format("the PDF reader ended with {}; the file is damaged or was made "
                                 "to harm",
                                 DescribeWaitStatus(result.wait_status)));
  }
  if (result.error_text.find("emory") != std::string::npos) {
    return Rejection("memory_limit", "reading the PDF needs more memory than the parser may use");
  }
  return Rejection("damaged",
                   "the PDF cannot be read: its structure is broken or incomplete; get a complete "
                   "copy or print it to a new PDF");
}

}  // namespace

ParseOutcome ParsePdf(std::string_view content) {
  const size_t signature = FindPdfSignature(content);
  content.remove_prefix(signature == std::string_view::npos ? 0 : signature);
  // Every complete PDF says near its end where its cross-reference table is.
  constexpr size_t kTail = 64 * 1024;
  const size_t tail = content.size() > kTail ? content.size() - kTail : 0;
  if (content.find("startxref", tail) == std::string_view::npos) {
    return Rejection("truncated",
                     "the PDF has no end (no startxref): it was cut off; get a complete copy");
  }
  PdfPageReader reader;
  bool within_limits = true;
  StatusOr<ProgramResult> result =
      RunProgram({kPdfToText, "-bbox-layout", "-", "-"}, content,
                 [&](std::string_view line) { return within_limits = reader.AddLine(line); });
  if (!within_limits) {
    return Rejection("too_large",
                     "the PDF has more than 20,000 pages or 8,000,000 words; split it");
  }
  if (!result.ok()) {
    if (result.status().code() == StatusCode::kResourceExhausted) {
      return Rejection("too_large", StatusMessage(result.status()));
    }
    return Rejection("reader_missing",
                     fmt::format("{}; PDF files need pdftotext: install poppler-utils",
                                 StatusMessage(result.status())));
  }
  std::vector<PdfPage>& pages = reader.pages();
  if (!WIFEXITED(result->wait_status) || WEXITSTATUS(result->wait_status) != 0 || pages.empty()) {
    return RejectUnread(*result);
  }
  DocumentBuilder builder("pdf");
  builder.SetPages(static_cast<int32_t>(pages.size()));
  if (IsUsefulTitle(reader.title())) builder.SetTitle(reader.title());
  RemoveRunningText(pages);
  WritePages(pages, builder);
  return builder.Finish("no_text_layer",
                        "the PDF has no text layer (a scan or pictures only); text recognition "
                        "comes later, until then give it a text layer with OCR software");
}

}  // namespace hadal::retrieval
