#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "retrieval/parse/ocr_page.h"
#include "retrieval/parse/pdf_layout.h"

/// What tesseract writes about a hostile picture: the reader and the layout code behind it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  hadal::retrieval::OcrPageReader reader;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (!reader.AddLine(rest.substr(0, end))) return 0;
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  std::vector<hadal::retrieval::PdfPage> pages = {reader.ToPage(0.24)};
  hadal::retrieval::RemoveRunningText(pages);
  hadal::retrieval::DocumentBuilder builder("image");
  hadal::retrieval::WritePages(pages, builder);
  return 0;
}
