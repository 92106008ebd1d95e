#include <cstddef>
#include <cstdint>
#include <string_view>

#include "retrieval/chunker.h"
#include "retrieval/parse/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto outcome =
      hadal::retrieval::ParseText({reinterpret_cast<const char*>(data), size});
  if (outcome.has_document()) {
    hadal::retrieval::ChunkDocument(outcome.document(), hadal::retrieval::ChunkerOptions());
  }
  return 0;
}
