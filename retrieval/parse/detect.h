#pragma once

#include <string_view>

namespace hadal::retrieval {

/// What the bytes are. The file's name only tells Markdown and CSV from plain text.
enum class FileKind {
  kEmpty,
  kPdf,
  kHtml,
  kMarkdown,
  kText,
  kCsv,
  kEmail,
  kRtf,
  kZip,
  kOle,
  kImage,
  kArchive,
  kExecutable,
  kMedia,
  kMisnamed  ///< named as a binary document, but with none of its structure
};

FileKind DetectFileKind(std::string_view file_name, std::string_view content);

/// Where "%PDF-" stands in the first kilobyte, as readers accept it; npos otherwise.
size_t FindPdfSignature(std::string_view content);

}  // namespace hadal::retrieval
