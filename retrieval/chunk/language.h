#pragma once

#include <string>
#include <string_view>

namespace hadal::retrieval {

/// "zh" or "en" by its letters; empty for others and for texts without letters.
std::string GuessLanguage(std::string_view text);

}  // namespace hadal::retrieval
