#include "inference/tokenizer/byte_alphabet.h"

#include "base/utf8.h"

namespace hadal::inference {
namespace {

constexpr bool IsPrintable(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> MakeAlphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) alphabet[byte] = IsPrintable(byte) ? byte : next++;
  return alphabet;
}

constexpr std::array<char32_t, 256> kAlphabet = MakeAlphabet();
constexpr char32_t kPastLast = 256 + 68;  // 68 bytes are not printable

constexpr std::array<int16_t, kPastLast> MakeInverse() {
  std::array<int16_t, kPastLast> inverse{};
  for (auto& byte : inverse) byte = -1;
  for (uint32_t byte = 0; byte < 256; ++byte) inverse[kAlphabet[byte]] = static_cast<int16_t>(byte);
  return inverse;
}

constexpr std::array<int16_t, kPastLast> kInverse = MakeInverse();

}  // namespace

const std::array<char32_t, 256>& ByteAlphabet() { return kAlphabet; }

std::optional<std::string> BytesOfPiece(std::string_view piece) {
  std::string bytes;
  for (size_t pos = 0; pos < piece.size();) {
    const DecodedChar c = DecodeUtf8(piece.substr(pos));
    pos += c.size_bytes;
    if (!c.valid || c.code_point >= kPastLast || kInverse[c.code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kInverse[c.code_point]));
  }
  return bytes;
}

}  // namespace hadal::inference
