#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::auth {

template <typename T>
void AppendInteger(T value, std::string& out) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

/// False, leaving `bytes` alone, when too few are left.
template <typename T>
bool TakeInteger(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(T)) return false;
  uint64_t wide = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    wide |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  value = static_cast<T>(wide);
  bytes.remove_prefix(sizeof(T));
  return true;
}

}  // namespace hadal::auth
