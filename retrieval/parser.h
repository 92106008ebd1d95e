#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "hadal/internal/v1/parse.pb.h"

namespace hadal::retrieval {

/// Raised when a file may be read otherwise than before: kept files are then worth reading again.
inline constexpr int32_t kParserVersion = 1;

/// Text recognition takes seconds a page, everything else milliseconds: it is asked for apart.
struct ParseOptions {
  bool recognize = false;                        ///< read scans and pictures with tesseract
  int32_t max_recognized_pages = 500;            ///< in one file; more are a rejection
  absl::Duration page_time = absl::Seconds(60);  ///< for one attempt at one page
};

/// Reads one file's bytes into blocks. The format is found from the content; `file_name` is a hint
/// only. Never fails otherwise than by a ParseRejection. Meant to run inside the sandbox of
/// hadal-parser: a hostile file may still crash or hang it, and then costs that process only.
/// Not thread-safe; one file per process.
internal::v1::ParseOutcome ParseFile(std::string_view file_name, std::string_view content,
                                     const ParseOptions& options = {});

/// Whether ParseFile() would run separate programs (pdftotext) for this content: for a PDF, or a
/// mail with one in it. Plain searches, safe on hostile bytes before the sandbox is closed.
bool NeedsExternalPrograms(std::string_view content);

}  // namespace hadal::retrieval
