#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::inference::tool {

/// One prompt a line, token ids separated by blanks or commas; empty lines are skipped.
/// INVALID_ARGUMENT naming the line when an id is no number or not in [0, vocabulary).
StatusOr<std::vector<std::vector<int32_t>>> ParseTokenLines(std::string_view text,
                                                            int32_t vocabulary);

}  // namespace hadal::inference::tool
