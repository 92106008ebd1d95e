#pragma once

#include <string>

#include "base/status.h"
#include "inference/weights/model_config.h"

namespace hadal::inference::tool {

inline constexpr double kGiB = 1024.0 * 1024 * 1024;

/// The shape of a model that need not be there: of its config.json, or of the folder it is in.
StatusOr<ModelConfig> ReadModelShape(const std::string& path);

}  // namespace hadal::inference::tool
