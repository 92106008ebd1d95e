#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "retrieval/parse/pdf_layout.h"
#include "retrieval/parse/pdf_page.h"

/// What pdftotext writes, as a hostile file might make it: the layout code behind it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  hadal::retrieval::PdfPageReader reader;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (!reader.AddLine(rest.substr(0, end))) return 0;
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  for (hadal::retrieval::PdfPage& page : reader.pages()) hadal::retrieval::JoinWords(page);
  hadal::retrieval::RemoveRunningText(reader.pages());
  hadal::retrieval::DocumentBuilder builder("pdf");
  hadal::retrieval::WritePages(reader.pages(), builder);
  return 0;
}
