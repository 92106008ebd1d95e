#pragma once

#include <string>

#include "base/status.h"
#include "hadal/v1/knowledge.pb.h"

namespace hadal::cli {

/// Of "NAME=VALUE", as options give it.
StatusOr<v1::FieldMatch> ParseFieldMatch(const std::string& text);

}  // namespace hadal::cli
