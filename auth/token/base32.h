#pragma once

#include <string>
#include <string_view>

namespace hadal::auth {

/// RFC 4648 base32 alphabet in lower case, without padding.
std::string Base32Encode(std::string_view bytes);
bool IsBase32(std::string_view text);

}  // namespace hadal::auth
