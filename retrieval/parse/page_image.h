#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::retrieval {

/// A page as a gray picture that is ready to be read: upright within a degree, without specks and
/// ruling lines, its letters large enough.
struct PageImage {
  std::string pgm;   ///< empty when the page is blank
  double scale = 1;  ///< pixels of `pgm` for one of the original
  double width = 0;  ///< of the original, pixels
  double height = 0;
};

/// Decodes picture `index` (from 0) of a PNG, JPEG, TIFF or PNM file with leptonica and cleans it.
/// Check its size first (ReadImagePages()): decoding takes about 6 bytes for each pixel.
/// INVALID_ARGUMENT when it cannot be decoded.
StatusOr<PageImage> PreparePageImage(std::string_view content, int index);

/// The same picture turned clockwise by 90, 180 or 270 degrees, as PNM.
StatusOr<std::string> TurnImage(std::string_view pgm, int degrees);

}  // namespace hadal::retrieval
