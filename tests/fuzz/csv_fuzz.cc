#include <cstddef>
#include <cstdint>
#include <string_view>

#include "retrieval/parse/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hadal::retrieval::ParseCsv({reinterpret_cast<const char*>(data), size});
  return 0;
}
