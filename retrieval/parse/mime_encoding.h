#pragma once

#include <string>
#include <string_view>

namespace hadal::retrieval {

/// Bytes of base64; everything that is no digit of it is skipped, as mail does with line ends.
std::string DecodeBase64(std::string_view text);

/// Bytes of quoted-printable (RFC 2045, 6.7); a '=' that begins no escape stays. `underscores`: the
/// form of encoded words (RFC 2047, 4.2), where '_' is a blank.
std::string DecodeQuotedPrintable(std::string_view text, bool underscores = false);

}  // namespace hadal::retrieval
