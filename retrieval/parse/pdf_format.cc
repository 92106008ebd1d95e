#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/subprocess.h"
#include "retrieval/parse/detect.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/pdf_layout.h"
#include "retrieval/parse/pdf_page.h"
#include "retrieval/parse/pdf_programs.h"
#include "retrieval/parse/pdf_visibility.h"
#include "retrieval/parse/recognized_pages.h"
#include "retrieval/parse/text_quality.h"

namespace hadal::retrieval {
namespace {

constexpr double kScanDpi = 300;
constexpr double kMaxRenderedPixels = 40e6;

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

/// As good as recognition needs, less for a huge page.
double RenderDpi(const PdfPage& page) {
  const double square_inches = std::max(1.0, page.width * page.height / (72 * 72));
  return std::min(kScanDpi, std::sqrt(kMaxRenderedPixels / square_inches));
}

ParseOutcome WriteDocument(std::string_view content, PdfPageReader& reader,
                           const ParseOptions& options) {
  std::vector<PdfPage>& pages = reader.pages();
  DocumentBuilder builder("pdf");
  builder.SetPages(static_cast<int32_t>(pages.size()));
  if (IsUsefulTitle(reader.title())) builder.SetTitle(reader.title());
  RemoveHiddenText(content, options.page_time, pages, builder);
  std::vector<size_t> unread;
  for (size_t i = 0; i < pages.size(); ++i) {
    JoinWords(pages[i]);
    if (!HasReadableText(pages[i])) {
      pages[i].fragments.clear();
      pages[i].aside.clear();
      unread.push_back(i);
    }
  }
  const PagePicture picture = [&](size_t i) -> StatusOr<RecognizedPage> {
    const double dpi = RenderDpi(pages[i]);
    ASSIGN_OR_RETURN(const std::string drawn,
                     DrawPage(content, pages[i].number, dpi, options.page_time));
    return RecognizePicture(drawn, 0, dpi, options.page_time);
  };
  return FinishPages(pages, unread, picture, options, builder);
}

}  // namespace

ParseOutcome ParsePdf(std::string_view content, const ParseOptions& options) {
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
  if (!WIFEXITED(result->wait_status) || WEXITSTATUS(result->wait_status) != 0 ||
      reader.pages().empty()) {
    return RejectUnread(*result);
  }
  return WriteDocument(content, reader, options);
}

}  // namespace hadal::retrieval
