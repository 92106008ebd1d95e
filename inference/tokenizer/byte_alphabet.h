#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::inference {

/// GPT-2's printable alphabet: each byte has a code point of its own, in which byte-level
/// vocabularies are written (a space is U+0120).
/// Source: openai/gpt-2, encoder.py, bytes_to_unicode (MIT).
const std::array<char32_t, 256>& ByteAlphabet();

/// The bytes a vocabulary entry stands for; nullopt when it has a character outside the alphabet.
std::optional<std::string> BytesOfPiece(std::string_view piece);

}  // namespace hadal::inference
