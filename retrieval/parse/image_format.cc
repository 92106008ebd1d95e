#include <fmt/format.h>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/image_header.h"
#include "retrieval/parse/pdf_layout.h"
#include "retrieval/parse/recognized_pages.h"

namespace hadal::retrieval {
namespace {

constexpr int64_t kMaxPixels = 64'000'000;  // A3 at 600 dpi is 70 million: scan it at 400
constexpr double kUsualDpi = 300;           // where the file does not say

ParseOutcome Refuse(const Status& status) {
  const bool unknown = status.code() == StatusCode::kUnimplemented;
  const bool large = status.code() == StatusCode::kResourceExhausted;
  return Rejection(unknown ? "unsupported_format"
                   : large ? "too_large"
                           : "damaged",
                   StatusMessage(status));
}

}  // namespace

ParseOutcome ParseImage(std::string_view content, const ParseOptions& options) {
  const StatusOr<std::vector<ImagePage>> images = ReadImagePages(content);
  if (!images.ok()) return Refuse(images.status());
  std::vector<PdfPage> pages(images->size());
  std::vector<size_t> unread;
  for (size_t i = 0; i < images->size(); ++i) {
    const ImagePage& image = (*images)[i];
    if (image.width > kMaxPixels / image.height) {
      return Rejection("too_large",
                       fmt::format("picture {} has {} x {} pixels, more than {} "
                                   "million; scan it at 300 dpi",
                                   i + 1, image.width, image.height, kMaxPixels / 1'000'000));
    }
    pages[i].number = static_cast<int32_t>(i) + 1;
    unread.push_back(i);
  }
  DocumentBuilder builder("image");
  builder.SetPages(static_cast<int32_t>(pages.size()));
  const PagePicture picture = [&](size_t i) -> StatusOr<RecognizedPage> {
    const double dpi = (*images)[i].dpi == 0 ? kUsualDpi : (*images)[i].dpi;
    return RecognizePicture(content, static_cast<int>(i), dpi, options.page_time);
  };
  return FinishPages(pages, unread, picture, options, builder);
}

}  // namespace hadal::retrieval
