#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

/// Size of one picture; a TIFF file may hold several.
struct ImagePage {
  int64_t width = 0;  ///< pixels
  int64_t height = 0;
  double dpi = 0;  ///< 0 when the file does not say
};

/// Reads the sizes of all pictures in a PNG, JPEG or TIFF file without decoding any of them, so
/// that a picture too large to decode is refused before memory is used. Trusts no length or offset.
/// UNIMPLEMENTED for another format (its message names it), INVALID_ARGUMENT for a damaged file,
/// RESOURCE_EXHAUSTED for more than 10,000 pictures.
StatusOr<std::vector<ImagePage>> ReadImagePages(std::string_view content);

}  // namespace hadal::retrieval
