#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// A run of text on one line of a PDF page; points, origin at the top left.
struct PdfFragment {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
  double first_word_width = 0;
  std::string text;

  double height() const { return y1 - y0; }
  double width() const { return x1 - x0; }
  double middle() const { return (y0 + y1) / 2; }
};

struct PdfPage {
  int32_t number = 0;  ///< 1-based
  double width = 0;
  double height = 0;
  std::vector<PdfFragment> fragments;
};

/// Reads the output of `pdftotext -bbox-layout`, one element a line. Trusts none of it: absurd
/// coordinates and stray lines are left out. Not thread-safe.
class PdfPageReader {
 public:
  /// Takes one line; false when there are more pages or words than the limits allow.
  bool AddLine(std::string_view line);

  std::vector<PdfPage>& pages() { return pages_; }
  const std::string& title() const { return title_; }

 private:
  struct Word {
    double x0, y0, x1, y1;
    std::string text;
  };
  void AddWord(std::string_view line);
  void EndLine();

  std::vector<PdfPage> pages_;
  std::vector<Word> words_;  // of the open line
  std::string title_;
  int64_t num_words_ = 0;
};

/// Puts the two parts of a broken line together: a space, but none beside a Chinese character.
void AppendJoined(std::string_view next, std::string& text);

/// First and last characters of valid UTF-8, 0 for an empty text.
char32_t FirstChar(std::string_view text);
char32_t LastChar(std::string_view text);

}  // namespace hadal::retrieval
