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

/// A word of a PDF page as it is shown; points, origin at the top left.
struct PdfWord {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
  std::string text;
};

struct PdfPage {
  /// How text ran on the page as it is shown before the page was turned so that it runs level.
  enum Turn { kLevel, kDown, kLeft, kUp };

  int32_t number = 0;  ///< 1-based
  double width = 0;    ///< after the turn, as are all positions of fragments
  double height = 0;
  Turn turn = kLevel;
  std::vector<std::vector<PdfWord>> lines;  ///< as read; taken by JoinWords()
  std::vector<PdfFragment> fragments;
  std::vector<PdfFragment> aside;  ///< lines across the direction of the rest, as in a margin
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
  void AddWord(std::string_view line);

  std::vector<PdfPage> pages_;
  bool line_open_ = false;
  std::string title_;
  int64_t num_words_ = 0;
};

/// Makes fragments of the page's words. A page whose text runs up, down or upside down is turned so
/// that its lines are level (vertical Chinese too); what then still runs another way goes aside.
void JoinWords(PdfPage& page);

/// Where a fragment of a turned page stands on the page as it is shown.
PdfFragment AsShown(const PdfPage& page, const PdfFragment& turned);

/// Puts the two parts of a broken line together: a space, but none beside a Chinese character.
void AppendJoined(std::string_view next, std::string& text);

/// First and last characters of valid UTF-8, 0 for an empty text.
char32_t FirstChar(std::string_view text);
char32_t LastChar(std::string_view text);

}  // namespace hadal::retrieval
