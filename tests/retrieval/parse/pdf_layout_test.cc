#include "retrieval/parse/pdf_layout.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retrieval/parse/pdf_page.h"
#include "tests/retrieval/parse/outcome_text.h"

namespace hadal::retrieval {
namespace {

constexpr const char* kFullLine =
    "considerable text of the body fills the width of its column, end to end";

/// One line of text; a Latin letter is half as wide as it is high.
PdfFragment Line(double x, double y, const std::string& text, double height = 10) {
  PdfFragment fragment;
  fragment.x0 = x;
  fragment.y0 = y;
  fragment.y1 = y + height;
  fragment.x1 = x + static_cast<double>(text.size()) * height / 2;
  fragment.first_word_width =
      static_cast<double>(text.substr(0, text.find(' ')).size()) * height / 2;
  fragment.text = text;
  return fragment;
}

PdfPage Page(std::vector<PdfFragment> fragments, int number = 1) {
  PdfPage page;
  page.number = number;
  page.width = 600;
  page.height = 800;
  page.fragments = std::move(fragments);
  return page;
}

std::string Written(const std::vector<PdfPage>& pages) {
  DocumentBuilder builder("pdf");
  WritePages(pages, builder);
  return Shown(builder.Finish());
}

TEST(PdfLayoutTest, TwoColumnsAreReadOneAfterTheOther) {
  std::vector<PdfFragment> fragments = {
      Line(100, 50, "A title across both of the columns here", 20)};
  for (int i = 0; i < 8; ++i) {
    fragments.push_back(
        Line(50, 100 + 12 * i, "left column line number " + std::to_string(i) + " aaaaaaaa"));
    fragments.push_back(
        Line(320, 103 + 12 * i, "right column line numbr " + std::to_string(i) + " bbbbbbbb"));
  }
  const std::string text = Written({Page(fragments)});
  EXPECT_TRUE(text.starts_with("H1 A title")) << text;
  EXPECT_LT(text.find("number 7"), text.find("right column")) << text;
  EXPECT_NE(text.find("aaaaaaaa left"), std::string::npos) << text;
}

TEST(PdfLayoutTest, TableCellsOfSeveralLinesCentred) {
  // Columns at 50, 150, 300; the middle cells are two lines high, the others centred beside them.
  std::vector<PdfFragment> fragments = {Line(50, 100, "Item"), Line(150, 100, "Place"),
                                        Line(300, 100, "No")};
  for (int row = 0; row < 3; ++row) {
    const double y = 124 + 36 * row;
    fragments.push_back(Line(50, y + 6, "item" + std::to_string(row)));
    fragments.push_back(Line(150, y, "first half"));
    fragments.push_back(Line(150, y + 12, "second half"));
    fragments.push_back(Line(300, y + 6, std::to_string(row)));
  }
  fragments.push_back(
      Line(50, 260, "A paragraph after the table that runs across all its columns."));
  EXPECT_EQ(Written({Page(fragments)}),
            "TH Item | Place | No\nT item0 | first half second half | 0\n"
            "T item1 | first half second half | 1\nT item2 | first half second half | 2\n"
            "P A paragraph after the table that runs across all its columns.\n");
}

TEST(PdfLayoutTest, ParagraphsEndAtShortLinesGapsAndIndents) {
  const std::string full = kFullLine;
  EXPECT_EQ(
      Written({Page({Line(50, 100, full), Line(50, 113, "short end."), Line(50, 126, full),
                     Line(50, 139, full), Line(50, 170, full), Line(70, 183, full)})}),
      "P " + full + " short end.\nP " + full + " " + full + "\nP " + full + "\nP " + full + "\n");
}

TEST(PdfLayoutTest, ParagraphGoesOnOverThePage) {
  const std::string full = kFullLine;
  EXPECT_EQ(Written({Page({Line(50, 100, full), Line(50, 113, full)}, 1),
                     Page({Line(50, 100, "and goes on here."), Line(50, 113, full)}, 2)}),
            "P " + full + " " + full + " and goes on here.\nP " + full + "\n");
}

TEST(PdfLayoutTest, BrokenWordsBecomeWhole) {
  const std::string known = "he said that international agreements hold in each of those cases";
  EXPECT_EQ(
      Written({Page({Line(50, 100, known),
                     Line(50, 113, "and a line of the body that fills its whole width on inter-"),
                     Line(50, 126, "national roads only.")})}),
      "P " + known +
          " and a line of the body that fills its whole width on international roads only.\n");
}

TEST(PdfLayoutTest, RunningTitlesAndPageNumbersGo) {
  std::vector<PdfPage> pages;
  for (int i = 1; i <= 5; ++i) {
    pages.push_back(Page({Line(50, 20, "Company manual rev. 4"),
                          Line(50, 300, "Body of page " + std::to_string(i * 7)),
                          Line(280, 770, "- " + std::to_string(i) + " -"),
                          Line(50, 760, "Only page " + std::string(static_cast<size_t>(i), 'x'))},
                         i));
  }
  RemoveRunningText(pages);
  for (const PdfPage& page : pages) {
    ASSERT_EQ(page.fragments.size(), 2u);
    EXPECT_TRUE(page.fragments[0].text.starts_with("Body"));
  }
}

TEST(PdfPageReaderTest, ReadsWordsAndSurvivesNonsense) {
  PdfPageReader reader;
  for (const char* line :
       {"<title>A &amp; B</title>",
        "<word xMin=\"1\" yMin=\"1\" xMax=\"2\" yMax=\"2\">no page</word>", "</line>",
        "<page width=\"600\" height=\"800\">",
        "<word xMin=\"10\" yMin=\"10\" xMax=\"20\" yMax=\"20\">3</word>",
        "<word xMin=\"21.5\" yMin=\"10\" xMax=\"40\" yMax=\"20\">小时</word>",
        "<word xMin=\"44\" yMin=\"10\" xMax=\"60\" yMax=\"20\">&lt;内&gt;</word>",
        "<word xMin=\"nan\" yMin=\"10\" xMax=\"60\" yMax=\"20\">x</word>",
        "<word xMin=\"1e300\" yMin=\"10\" xMax=\"1e301\" yMax=\"20\">x</word>",
        "<word xMin=\"10\" yMin=\"20\" xMax=\"20\" yMax=\"10\">x</word>", "<word", "</line>",
        "garbage"}) {
    EXPECT_TRUE(reader.AddLine(line));
  }
  EXPECT_EQ(reader.title(), "A & B");
  ASSERT_EQ(reader.pages().size(), 1u);
  JoinWords(reader.pages()[0]);
  ASSERT_EQ(reader.pages()[0].fragments.size(), 1u);
  EXPECT_EQ(reader.pages()[0].fragments[0].text, "3小时 <内>");
}

}  // namespace
}  // namespace hadal::retrieval
