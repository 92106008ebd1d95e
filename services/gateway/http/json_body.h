#pragma once

#include <string_view>

#include "base/status.h"

namespace hadal::gateway {

/// INVALID_ARGUMENT with 415 unless `content_type` is application/json (with or without parameters)
/// or absent.
Status CheckJsonContentType(std::string_view content_type);

}  // namespace hadal::gateway
