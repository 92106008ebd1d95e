#pragma once

#include <cstdint>
#include <string_view>

namespace hadal::auth {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `data`, continuing from `crc` of what came
/// before.
uint32_t Crc32c(std::string_view data, uint32_t crc = 0);

/// The table-driven reference the hardware path is tested against.
uint32_t Crc32cPortable(std::string_view data, uint32_t crc = 0);

}  // namespace hadal::auth
