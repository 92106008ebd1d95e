#include "retrieval/parser.h"

#include <fmt/format.h>

#include "retrieval/parse/detect.h"
#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_package.h"

namespace hadal::retrieval {
namespace {

ParseOutcome Unsupported(std::string_view what) {
  return Rejection("unsupported_format",
                   fmt::format("the file is {}; readable now are PDF, DOCX, HTML, PNG, JPEG, TIFF, "
                               "Markdown and plain text: convert it to one of them",
                               what));
}

ParseOutcome ParseOle(std::string_view content) {
  // Directory names of an OLE container are UTF-16LE; an encrypted OOXML file always has this one.
  constexpr std::string_view kEncrypted("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e", 31);
  if (content.find(kEncrypted) != std::string_view::npos) {
    return Rejection("password_protected",
                     "the Office document is protected by a password; save it without one");
  }
  return Unsupported("an old binary Office document (DOC, XLS or PPT)");
}

ParseOutcome ParsePackage(std::string_view content) {
  switch (DetectPackageKind(content)) {
    case PackageKind::kDocx:
      return ParseDocx(content);
    case PackageKind::kXlsx:
      return Unsupported("an Excel workbook (XLSX), whose support comes later");
    case PackageKind::kPptx:
      return Unsupported("a PowerPoint presentation (PPTX), whose support comes later");
    case PackageKind::kOpenDocument:
      return Unsupported("an OpenDocument file");
    case PackageKind::kDamaged:
      return Rejection("damaged",
                       "the file begins as a ZIP container (DOCX, XLSX, PPTX) but its directory is "
                       "missing or broken: it is truncated or damaged; get a complete copy");
    case PackageKind::kTooManyEntries:
      return Rejection("too_many_entries",
                       fmt::format("the ZIP container holds more than {} entries; a document "
                                   "never does",
                                   kMaxPackageEntries));
    case PackageKind::kUnsafeName:
      return Rejection("unsafe_entry_name",
                       "an entry of the ZIP container has a name that leads out of it; the file "
                       "was made to harm");
    case PackageKind::kEncrypted:
      return Rejection("password_protected",
                       "the ZIP container is encrypted; save the document without a password");
    case PackageKind::kOther:
      break;
  }
  return Unsupported("a ZIP archive that is no Office document");
}

}  // namespace

bool NeedsExternalPrograms(std::string_view content) {
  return FindPdfSignature(content) != std::string_view::npos;
}

ParseOutcome ParseFile(std::string_view file_name, std::string_view content,
                       const ParseOptions& options) {
  switch (DetectFileKind(file_name, content)) {
    case FileKind::kEmpty:
      return Rejection("empty", "the file is empty");
    case FileKind::kPdf:
      return ParsePdf(content, options);
    case FileKind::kHtml:
      return ParseHtml(content);
    case FileKind::kMarkdown:
      return ParseMarkdown(content);
    case FileKind::kText:
      return ParseText(content);
    case FileKind::kZip:
      return ParsePackage(content);
    case FileKind::kOle:
      return ParseOle(content);
    case FileKind::kCsv:
      return Unsupported("a CSV table, whose support comes later");
    case FileKind::kEmail:
      return Unsupported("a mail message (EML), whose support comes later");
    case FileKind::kImage:
      return ParseImage(content, options);
    case FileKind::kRtf:
      return Unsupported("a Rich Text (RTF) document");
    case FileKind::kArchive:
      return Unsupported("a compressed archive");
    case FileKind::kExecutable:
      return Unsupported("an executable program");
    case FileKind::kMedia:
      return Unsupported("an audio or video file");
    case FileKind::kMisnamed:
      return Rejection(
          "damaged",
          "the file's name promises a PDF, Office document or picture, but its content "
          "has no such structure: it is damaged or misnamed");
  }
  return Unsupported("of an unknown kind");
}

}  // namespace hadal::retrieval
