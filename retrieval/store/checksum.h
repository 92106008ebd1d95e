#pragma once

#include <cstdint>
#include <string_view>

namespace hadal::retrieval {

/// CRC-32C (Castagnoli, RFC 3720 §12.1), continued from `crc` (0 at the start).
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

/// The portable form, the reference of the one above.
uint32_t Crc32cPortable(std::string_view bytes, uint32_t crc = 0);

}  // namespace hadal::retrieval
