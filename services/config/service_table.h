#pragma once

#include <toml++/toml.h>

#include <string_view>

#include "base/status.h"

namespace hadal::config {

/// The table of `service` ("gateway", "inference" or "retrieval") in the appliance's configuration:
/// one TOML 1.0 file for all services, a table each; empty where the file has none. The tables of
/// the others are not looked into. INVALID_ARGUMENT, with the line, for syntax errors and for
/// anything at the top that belongs to no service.
StatusOr<toml::table> ServiceTable(std::string_view text, std::string_view service);

}  // namespace hadal::config
