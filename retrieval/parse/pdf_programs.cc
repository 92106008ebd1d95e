#include "retrieval/parse/pdf_programs.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace hadal::retrieval {

StatusOr<std::string> DrawPage(std::string_view pdf, int32_t number, double dpi,
                               absl::Duration time_limit) {
  std::string picture;
  ProgramOptions options;
  options.time_limit = time_limit;
  const std::string page = std::to_string(number);
  ASSIGN_OR_RETURN(const ProgramResult result,
                   RunProgramInto({kPdfToPpm, "-r", fmt::format("{:.2f}", dpi), "-gray", "-f", page,
                                   "-l", page, "-"},
                                  pdf, picture, options));
  if (!result.succeeded() || picture.empty()) return Internal("the page cannot be drawn");
  return picture;
}

std::string_view TextAttribute(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + name.size());
  return line.substr(0, line.find('"'));
}

double NumberAttribute(std::string_view line, std::string_view name) {
  const std::string_view digits = TextAttribute(line, name);
  double number = NAN;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? number : NAN;
}

}  // namespace hadal::retrieval
