#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {

/// Reads the TSV that tesseract writes about one picture, line by line, and trusts none of it:
/// what has absurd numbers is left out. Not thread-safe.
class OcrPageReader {
 public:
  /// False when there are more words than a page can have.
  bool AddLine(std::string_view line);

  /// Mean certainty of the letters, 0 to 100; 0 when nothing was read.
  double confidence() const;

  /// What was read as a page for the layout code; `points` is the size of a pixel. Lines get the
  /// height of the body's letters when theirs is near it, so that a line without long letters is no
  /// other size of print. Chinese has no spaces in it and full-width punctuation.
  PdfPage ToPage(double points) const;

 private:
  struct Word {
    double x0, x1;
    double confidence;
    std::string text;
  };
  struct Line {
    double y0, y1;
    std::vector<Word> words;
  };

  std::vector<Line> lines_;
  int64_t num_words_ = 0;
};

}  // namespace hadal::retrieval
