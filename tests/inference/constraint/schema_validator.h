#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hadal::inference::testing {

/// Why `value` does not satisfy `schema` (whose root is `root`), or empty. Written from the
/// standard, not from our compiler: checks the keywords that one supports, in their full meaning.
std::string WhyInvalid(const nlohmann::json& schema, const nlohmann::json& value,
                       const nlohmann::json& root);

}  // namespace hadal::inference::testing
