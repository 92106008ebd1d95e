#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "hadal/v1/models.pb.h"

namespace hadal::cli {

/// Everything known of a model; what scripts read.
nlohmann::json ToJson(const v1::Model& model);

/// "serving", "loading 40 %", "failed: REASON", ...
std::string StateOf(const v1::Model& model);

}  // namespace hadal::cli
