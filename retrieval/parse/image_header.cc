#include "retrieval/parse/image_header.h"

#include <cstddef>
#include <set>
#include <string>

namespace hadal::retrieval {
namespace {

using namespace std::string_view_literals;

constexpr size_t kMaxImages = 10'000;
constexpr double kMinDpi = 50;  // less is a default that nobody set
constexpr double kMaxDpi = 2400;
constexpr double kInchesPerMetre = 1 / 0.0254;

/// Numbers at any place of a file; 0 beyond its end.
class Bytes {
 public:
  Bytes(std::string_view data, bool big_endian) : data_(data), big_endian_(big_endian) {}

  bool Has(size_t at, size_t count) const { return at <= data_.size() && count <= Left(at); }
  uint32_t U8(size_t at) const { return Number(at, 1); }
  uint32_t U16(size_t at) const { return Number(at, 2); }
  uint32_t U32(size_t at) const { return Number(at, 4); }

 private:
  size_t Left(size_t at) const { return data_.size() - at; }
  uint32_t Number(size_t at, size_t count) const {
    if (!Has(at, count)) return 0;
    uint32_t number = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t place = big_endian_ ? at + i : at + count - 1 - i;
      number = number << 8 | static_cast<unsigned char>(data_[place]);
    }
    return number;
  }

  std::string_view data_;
  bool big_endian_;
};

double PlausibleDpi(double dpi) { return dpi >= kMinDpi && dpi <= kMaxDpi ? dpi : 0; }

Status Damaged(std::string_view format, std::string_view what) {
  return InvalidArgument("the {} file is damaged: {}; get a complete copy", format, what);
}

StatusOr<std::vector<ImagePage>> ReadPng(std::string_view content) {
  const Bytes bytes(content, /*big_endian=*/true);
  constexpr size_t kChunks = 8;  // after the signature
  if (!bytes.Has(kChunks + 8, 13) || content.substr(kChunks + 4, 4) != "IHDR") {
    return Damaged("PNG", "its header is missing");
  }
  ImagePage page{bytes.U32(kChunks + 8), bytes.U32(kChunks + 12), 0};
  for (size_t at = kChunks; bytes.Has(at, 12);) {
    const std::string_view type = content.substr(at + 4, 4);
    if (type == "IDAT" || type == "IEND") break;
    constexpr uint32_t kMetre = 1;
    if (type == "pHYs" && bytes.U8(at + 16) == kMetre) {
      page.dpi = PlausibleDpi(bytes.U32(at + 8) / kInchesPerMetre);
    }
    at += size_t{12} + bytes.U32(at);
  }
  return std::vector<ImagePage>{page};
}

/// SOF0 to SOF15 carry the size; three numbers among them mean something else.
bool IsStartOfFrame(uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

StatusOr<std::vector<ImagePage>> ReadJpeg(std::string_view content) {
  const Bytes bytes(content, /*big_endian=*/true);
  ImagePage page;
  for (size_t at = 2; bytes.Has(at, 4);) {
    const uint32_t marker = bytes.U8(at + 1);
    if (bytes.U8(at) != 0xFF) break;
    if (marker == 0xFF) {  // filling
      ++at;
      continue;
    }
    if (IsStartOfFrame(marker) && bytes.Has(at, 9)) {
      page.height = bytes.U16(at + 5);
      page.width = bytes.U16(at + 7);
      return std::vector<ImagePage>{page};
    }
    constexpr uint32_t kInch = 1, kCentimetre = 2;
    if (marker == 0xE0 && content.substr(at + 4, 5) == "JFIF\0"sv) {
      const uint32_t unit = bytes.U8(at + 11);
      const double scale = unit == kInch ? 1 : unit == kCentimetre ? 2.54 : 0;
      page.dpi = PlausibleDpi(bytes.U16(at + 12) * scale);
    }
    at += size_t{2} + bytes.U16(at + 2);
  }
  return Damaged("JPEG", "it states no size");
}

/// The first value of a directory entry, a whole number or a fraction.
double TiffValue(const Bytes& bytes, size_t entry) {
  constexpr uint32_t kShort = 3, kLong = 4, kRational = 5;
  const uint32_t type = bytes.U16(entry + 2);
  if (type == kShort) return bytes.U16(entry + 8);
  if (type == kLong) return bytes.U32(entry + 8);
  if (type != kRational) return 0;
  const size_t at = bytes.U32(entry + 8);
  const uint32_t divisor = bytes.U32(at + 4);
  return divisor == 0 ? 0 : static_cast<double>(bytes.U32(at)) / divisor;
}

StatusOr<std::vector<ImagePage>> ReadTiff(std::string_view content) {
  const Bytes bytes(content, content.starts_with("MM"));
  std::vector<ImagePage> pages;
  std::set<size_t> seen;
  for (size_t directory = bytes.U32(4); directory != 0;) {
    if (!bytes.Has(directory, 2)) return Damaged("TIFF", "a directory lies beyond its end");
    if (!seen.insert(directory).second) return Damaged("TIFF", "its directories form a loop");
    if (pages.size() >= kMaxImages) {
      return ResourceExhausted("the TIFF file holds more than {} pictures; split it", kMaxImages);
    }
    ImagePage page;
    double resolution = 0;
    double unit = 2;
    const size_t entries = bytes.U16(directory);
    for (size_t i = 0; i < entries; ++i) {
      const size_t entry = directory + 2 + 12 * i;
      const double value = TiffValue(bytes, entry);
      switch (bytes.U16(entry)) {
        case 256:
          page.width = static_cast<int64_t>(value);
          break;
        case 257:
          page.height = static_cast<int64_t>(value);
          break;
        case 282:
          resolution = value;
          break;
        case 296:
          unit = value;
          break;
        default:
          break;
      }
    }
    constexpr double kInch = 2, kCentimetre = 3;
    page.dpi = PlausibleDpi(resolution * (unit == kInch ? 1 : unit == kCentimetre ? 2.54 : 0));
    pages.push_back(page);
    directory = bytes.U32(directory + 2 + 12 * entries);
  }
  if (pages.empty()) return Damaged("TIFF", "it holds no picture");
  return pages;
}

}  // namespace

StatusOr<std::vector<ImagePage>> ReadImagePages(std::string_view content) {
  StatusOr<std::vector<ImagePage>> pages =
      Unimplemented("the file is a picture, but no PNG, JPEG or TIFF; convert it to one of them");
  if (content.starts_with("\x89PNG\r\n")) pages = ReadPng(content);
  if (content.starts_with("\xFF\xD8\xFF")) pages = ReadJpeg(content);
  if (content.starts_with("II*\0"sv) || content.starts_with("MM\0*"sv)) pages = ReadTiff(content);
  RETURN_IF_ERROR(pages.status());
  for (const ImagePage& page : *pages) {
    if (page.width <= 0 || page.height <= 0) return Damaged("picture", "it states a size of 0");
  }
  return pages;
}

}  // namespace hadal::retrieval
