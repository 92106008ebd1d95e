#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "retrieval/parse/formats.h"
#include "tests/retrieval/parse/zip_writer.h"

/// The input is the XML of a sheet: the checksums of ZIP would keep mutations out of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string xml(reinterpret_cast<const char*>(data), size);
  hadal::retrieval::ParseXlsx(hadal::retrieval::MakeOneSheet(xml));
  return 0;
}
