#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/status.h"

/// Typed reading of optional members of a JSON object. Absent and null are the same, as in the
/// OpenAI API. Included by .cc files only.
namespace hadal::gateway {

/// INVALID_ARGUMENT naming `param`.
Status BadParam(const std::string& param, const std::string& problem);

/// Null when absent.
const nlohmann::json* FindMember(const nlohmann::json& object, const std::string& name);
StatusOr<std::optional<std::string>> StringMember(const nlohmann::json& object,
                                                  const std::string& name);
StatusOr<std::optional<bool>> BoolMember(const nlohmann::json& object, const std::string& name);
/// Within [least, most]; a float with an integral value is not an integer.
StatusOr<std::optional<int64_t>> IntMember(const nlohmann::json& object, const std::string& name,
                                           int64_t least, int64_t most);
StatusOr<std::optional<double>> NumberMember(const nlohmann::json& object, const std::string& name,
                                             double least, double most);

}  // namespace hadal::gateway
