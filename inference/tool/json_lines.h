#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::inference::tool {

/// The JSON objects of a file, one a line; "-" or an empty path is standard input. Empty lines are
/// skipped. INVALID_ARGUMENT naming the line.
StatusOr<std::vector<nlohmann::json>> ReadJsonLines(const std::string& path);

/// row[field] as a string or as token ids; INVALID_ARGUMENT naming the row (1-based) and the field.
StatusOr<std::string> StringField(const nlohmann::json& row, size_t number, const char* field);
StatusOr<std::vector<int32_t>> IdsField(const nlohmann::json& row, size_t number,
                                        const char* field);

/// Writes one row to standard output.
void PrintJsonLine(const nlohmann::json& row);

}  // namespace hadal::inference::tool
