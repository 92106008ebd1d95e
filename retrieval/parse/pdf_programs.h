#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "retrieval/parse/program_pipe.h"

namespace hadal::retrieval {

// poppler is GPL: run as programs, never linked. The sandbox makes these paths visible.
inline constexpr const char* kPdfToText = "/usr/bin/pdftotext";
inline constexpr const char* kPdfToHtml = "/usr/bin/pdftohtml";
inline constexpr const char* kPdfToPpm = "/usr/bin/pdftoppm";

/// Page `number` (from 1) of a PDF as a gray PGM. Feeding the whole file for each page costs little
/// beside drawing it.
StatusOr<std::string> DrawPage(std::string_view pdf, int32_t number, double dpi,
                               absl::Duration time_limit);

/// The value of an attribute in one line of XML; `name` is written as ` width="`.
std::string_view TextAttribute(std::string_view line, std::string_view name);
/// NaN when it is missing or no number.
double NumberAttribute(std::string_view line, std::string_view name);

}  // namespace hadal::retrieval
