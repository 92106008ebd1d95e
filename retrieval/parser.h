#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hadal/internal/v1/parse.pb.h"

namespace hadal::retrieval {

/// Raised when a file may be read otherwise than before: kept files are then worth reading again.
inline constexpr int32_t kParserVersion = 1;

/// Reads one file's bytes into blocks. The format is found from the content; `file_name` is a hint
/// only. Never fails otherwise than by a ParseRejection. Meant to run inside the sandbox of
/// hadal-parser: a hostile file may still crash or hang it, and then costs that process only.
/// Not thread-safe; one file per process.
internal::v1::ParseOutcome ParseFile(std::string_view file_name, std::string_view content);

/// Whether ParseFile() would run a separate program (pdftotext) for this content. A plain search in
/// the first kilobyte: safe on hostile bytes before the sandbox is closed.
bool NeedsExternalPrograms(std::string_view content);

}  // namespace hadal::retrieval
