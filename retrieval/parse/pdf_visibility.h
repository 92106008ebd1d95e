#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {

/// A run of painted text and how light its colour is.
struct PaintedRun {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
  double lightness = 0;  ///< 0 black to 1 white
};

/// Reads the output of `pdftohtml -xml -noroundcoord -zoom 1`, one element a line, and trusts none
/// of it. Not thread-safe.
class PaintedTextReader {
 public:
  /// False when there are more pages or runs than the limits allow.
  bool AddLine(std::string_view line);

  /// Runs of each page, in order; those that lie off their page are only counted.
  const std::vector<std::vector<PaintedRun>>& pages() const { return pages_; }
  int64_t off_page() const { return off_page_; }

 private:
  void AddRun(std::string_view line);

  std::vector<std::vector<PaintedRun>> pages_;
  std::unordered_map<std::string, double> lightness_of_font_;
  double width_ = 0;  // of the page
  double height_ = 0;
  int64_t num_runs_ = 0;
  int64_t off_page_ = 0;
};

/// A gray picture of a page, one pixel a point.
class PagePixels {
 public:
  /// From a PGM; without pixels when it is none.
  explicit PagePixels(std::string pgm);
  /// Least and greatest value inside a box; {0, 255} without pixels, as of a picture.
  struct Range {
    int low;
    int high;
  };
  Range Inside(const PdfWord& word) const;

 private:
  std::string pgm_;
  size_t start_ = 0;
  int64_t width_ = 0;
  int64_t height_ = 0;
};

/// Takes out what a reader of the page cannot see, as text that only machines are to read is
/// hidden: not painted (and no scan below it), in the colour of its ground, tiny, or off the page;
/// and reports it. Words are judged before they are joined to lines.
void RemoveHiddenText(std::string_view content, absl::Duration page_time,
                      std::vector<PdfPage>& pages, DocumentBuilder& builder);

}  // namespace hadal::retrieval
