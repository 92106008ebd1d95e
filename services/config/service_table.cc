#include "services/config/service_table.h"

#include <algorithm>
#include <array>
#include <string>

namespace hadal::config {
namespace {

constexpr std::array<std::string_view, 3> kServices = {"gateway", "inference", "retrieval"};

}  // namespace

StatusOr<toml::table> ServiceTable(std::string_view text, std::string_view service) {
  toml::table file;
  try {
    file = toml::parse(text);
  } catch (const toml::parse_error& error) {  // Debian's toml++ is built to throw
    return InvalidArgument("line {}: {}", error.source().begin.line,
                           std::string(error.description()));
  }
  for (const auto& [key, node] : file) {
    const std::string_view name = key.str();
    if (std::find(kServices.begin(), kServices.end(), name) == kServices.end() ||
        !node.is_table()) {
      return InvalidArgument("line {}: '{}' is no table of a service; there are {}",
                             node.source().begin.line, name, fmt::join(kServices, ", "));
    }
  }
  toml::table* own = file[service].as_table();
  return own == nullptr ? toml::table() : std::move(*own);
}

}  // namespace hadal::config
