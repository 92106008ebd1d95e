#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/time/time.h"
#include "hadal/v1/models.pb.h"

namespace hadal::cli {

/// Everything known of a model; what scripts read.
nlohmann::json ToJson(const v1::Model& model);

/// "serving", "loading 40 %", "failed: REASON", ...
std::string StateOf(const v1::Model& model);

/// Calls on models take as long as they are large.
inline constexpr absl::Duration kLongCall = absl::Hours(24);

}  // namespace hadal::cli
