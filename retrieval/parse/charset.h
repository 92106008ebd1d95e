#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::retrieval {

struct DecodedText {
  std::string utf8;            ///< valid UTF-8 without byte order mark
  std::string encoding;        ///< "utf-8", "gb18030", "utf-16le", "utf-16be" or the declared one
  int64_t replaced_bytes = 0;  ///< bytes that were no characters and became U+FFFD
};

/// Finds the character set of a whole file: byte order mark, strict UTF-8, UTF-8 with a few broken
/// bytes (replaced and counted), `declared` (a label such as HTML's meta charset; empty for none)
/// and GB18030, the last two strictly. INVALID_ARGUMENT when the bytes are no text: mostly
/// undefined or control characters, or none of the sets fits; it names the first byte that does
/// not.
StatusOr<DecodedText> DecodeText(std::string_view bytes, std::string_view declared = {});

/// As DecodeText(), but `declared` comes first: in a mail each part names its set, and the few
/// bytes of a header may be valid UTF-8 by chance.
StatusOr<DecodedText> DecodeDeclared(std::string_view bytes, std::string_view declared);

}  // namespace hadal::retrieval
