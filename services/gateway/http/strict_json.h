#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/status.h"

/// Included by .cc files only: nlohmann's header is heavy.
namespace hadal::gateway {

inline constexpr int kMaxJsonDepth = 32;

/// The JSON object in `body`. INVALID_ARGUMENT for anything else: bad syntax, invalid UTF-8, a key
/// that comes twice (parsers differ on which one counts), nesting beyond kMaxJsonDepth, a number
/// that is no finite double.
StatusOr<nlohmann::json> ParseJsonObject(std::string_view body);

}  // namespace hadal::gateway
