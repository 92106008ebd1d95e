#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "retrieval/parse/image_header.h"
#include "retrieval/parse/page_image.h"

/// A picture as uploaded: our reader of headers, then leptonica's decoders and our cleaning.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const auto pages = hadal::retrieval::ReadImagePages(content);
  if (!pages.ok()) return 0;
  const auto& [width, height, dpi] = pages->front();  // of up to 2^32 pixels each
  if (width > 1'000'000 / std::max<int64_t>(height, 1)) return 0;
  (void)hadal::retrieval::PreparePageImage(content, 0);
  return 0;
}
