#pragma once

#include <string_view>

#include "absl/time/time.h"
#include "base/status.h"
#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {

/// A picture of a page, turned into positioned text.
struct RecognizedPage {
  PdfPage page;           ///< number not set; without fragments when the page is blank
  double confidence = 0;  ///< mean of its letters, 0 to 100
};

/// Whether tesseract is there; `missing` then says what to install.
bool CanRecognize(std::string_view& missing);

/// Reads picture `index` (from 0) of a PNG, JPEG, TIFF or PNM file with tesseract, Chinese
/// (simplified; traditional where that reads better) and English. A page that reads badly is tried
/// again the other way up. `dpi` relates its pixels to points. Deterministic. DEADLINE_EXCEEDED
/// when one attempt takes longer than `time_limit`; INVALID_ARGUMENT when the picture is damaged.
StatusOr<RecognizedPage> RecognizePicture(std::string_view picture, int index, double dpi,
                                          absl::Duration time_limit);

}  // namespace hadal::retrieval
