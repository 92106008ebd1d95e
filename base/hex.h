#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "base/status.h"

namespace hadal {

/// Lower-case hexadecimal.
std::string HexEncode(std::string_view bytes);
/// INVALID_ARGUMENT on odd length or another character than [0-9a-fA-F].
StatusOr<std::string> HexDecode(std::string_view hex);

}  // namespace hadal
