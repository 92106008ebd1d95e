#pragma once

#include <string>
#include <string_view>

#include "hadal/internal/v1/parse.pb.h"

namespace hadal::retrieval {

/// Reads one file's bytes into blocks. The format is found from the content; `file_name` is a hint
/// only. Never fails otherwise than by a ParseRejection. Meant to run inside the sandbox of
/// hadal-parser: a hostile file may still crash or hang it, and then costs that process only.
/// Not thread-safe; one file per process.
internal::v1::ParseOutcome ParseFile(std::string_view file_name, std::string_view content);

/// Whether ParseFile() would run a separate program (pdftotext) for this content: for a PDF, or a
/// mail with one in it. Plain searches, safe on hostile bytes before the sandbox is closed.
bool NeedsExternalPrograms(std::string_view content);

}  // namespace hadal::retrieval
