#include "auth/token/base32.h"

#include <algorithm>
#include <cstdint>

namespace hadal::auth {

std::string Base32Encode(std::string_view bytes) {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<uint8_t>(byte);
    count += 8;
    while (count >= 5) {
      text.push_back(kAlphabet[(bits >> (count - 5)) & 31]);
      count -= 5;
    }
  }
  if (count > 0) text.push_back(kAlphabet[(bits << (5 - count)) & 31]);
  return text;
}

bool IsBase32(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
  });
}

}  // namespace hadal::auth
