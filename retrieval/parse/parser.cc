#include "retrieval/parser.h"

#include <fmt/format.h>

#include "retrieval/parse/detect.h"
#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_package.h"

namespace hadal::retrieval {
namespace {

ParseOutcome Unsupported(std::string_view what) {
  return Rejection(
      "unsupported_format",
      fmt::format("the file is {}; readable are PDF, DOCX, XLSX, PPTX, HTML, PNG, "
                  "JPEG, TIFF, Markdown, CSV, EML and plain text: convert it to one of them",
                  what));
}

/// Archives are refused rather than opened: labels are given to documents, and one label for
/// whatever lies in an archive would be wrong for most of it.
ParseOutcome Archive(std::string_view what) {
  return Rejection("archive", fmt::format("the file is {}; unpack it first and add the documents "
                                          "that are in it",
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
      return ParseXlsx(content);
    case PackageKind::kPptx:
      return ParsePptx(content);
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
  return Archive("a ZIP archive that is no Office document");
}

}  // namespace

bool NeedsExternalPrograms(std::string_view content) {
  if (FindPdfSignature(content) != std::string_view::npos) return true;
  // A PDF attached to a mail: its first bytes in base64.
  return DetectFileKind("", content) == FileKind::kEmail &&
         content.find("JVBERi0") != std::string_view::npos;
}

ParseOutcome ParseFile(std::string_view file_name, std::string_view content,
                       const ParseOptions& options) {
  NestedFiles nested;
  return ParseNested(file_name, content, nested, options);
}

ParseOutcome ParseNested(std::string_view file_name, std::string_view content, NestedFiles& nested,
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
      return ParseCsv(content);
    case FileKind::kEmail:
      return ParseEml(content, nested);
    case FileKind::kImage:
      return ParseImage(content, options);
    case FileKind::kRtf:
      return Unsupported("a Rich Text (RTF) document");
    case FileKind::kArchive:
      return Archive("an archive");
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
