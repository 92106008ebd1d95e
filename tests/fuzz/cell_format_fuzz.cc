#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "retrieval/parse/cell_format.h"

/// A number, then a format code.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  double value = 0;
  if (size < sizeof(value)) return 0;
  std::memcpy(&value, data, sizeof(value));
  const std::string_view code(reinterpret_cast<const char*>(data) + sizeof(value),
                              size - sizeof(value));
  hadal::retrieval::CellFormat(code).Show(value);
  return 0;
}
