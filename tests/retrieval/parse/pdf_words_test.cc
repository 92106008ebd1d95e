#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retrieval/parse/pdf_page.h"

namespace hadal::retrieval {
namespace {

PdfPage Page(std::vector<std::vector<PdfWord>> lines) {
  PdfPage page;
  page.width = 600;
  page.height = 800;
  page.lines = std::move(lines);
  JoinWords(page);
  return page;
}

/// Three words of one line that runs from (x, y) by (dx, dy) for each word.
std::vector<PdfWord> Line(double x, double y, double dx, double dy, const std::string& first) {
  std::vector<PdfWord> words;
  for (const std::string& text : {first, std::string("and"), std::string("more")}) {
    const double width = dx == 0 ? 10 : 28;
    const double height = dx == 0 ? 28 : 10;
    words.push_back({x, y, x + width, y + height, text});
    x += dx;
    y += dy;
  }
  return words;
}

/// Both lines of the page run level, the first above the second, and stand where they were.
void ExpectTurned(const PdfPage& page, PdfPage::Turn turn, double x, double y) {
  EXPECT_EQ(page.turn, turn);
  ASSERT_EQ(page.fragments.size(), 2u);
  EXPECT_EQ(page.fragments[0].text, "one and more");
  EXPECT_EQ(page.fragments[1].text, "two and more");
  EXPECT_LT(page.fragments[0].y0, page.fragments[1].y0);
  EXPECT_NEAR(page.fragments[0].height(), 10, 1e-9);
  const PdfFragment shown = AsShown(page, page.fragments[0]);
  EXPECT_NEAR(shown.x0, x, 1e-9);
  EXPECT_NEAR(shown.y0, y, 1e-9);
}

TEST(PdfWordsTest, TextInAnyDirectionBecomesLevel) {
  ExpectTurned(Page({Line(50, 50, 30, 0, "one"), Line(50, 70, 30, 0, "two")}), PdfPage::kLevel, 50,
               50);
  ExpectTurned(Page({Line(500, 50, 0, 30, "one"), Line(480, 50, 0, 30, "two")}), PdfPage::kDown,
               500, 50);
  ExpectTurned(Page({Line(50, 700, 0, -30, "one"), Line(70, 700, 0, -30, "two")}), PdfPage::kUp, 50,
               640);
  ExpectTurned(Page({Line(500, 700, -30, 0, "one"), Line(500, 680, -30, 0, "two")}), PdfPage::kLeft,
               440, 700);
}

TEST(PdfWordsTest, VerticalChineseIsReadFromTheRight) {
  const PdfPage page = Page({{{500, 60, 514, 220, "竖排第一列"}}, {{476, 60, 490, 220, "第二列"}}});
  EXPECT_EQ(page.turn, PdfPage::kDown);
  ASSERT_EQ(page.fragments.size(), 2u);
  EXPECT_LT(page.fragments[0].y0, page.fragments[1].y0);
  EXPECT_EQ(page.fragments[0].text, "竖排第一列");
}

TEST(PdfWordsTest, LinesAlongTheMarginGoAside) {
  const PdfPage page = Page({Line(50, 50, 30, 0, "one"), Line(50, 70, 30, 0, "two"),
                             Line(50, 90, 30, 0, "three"), Line(10, 700, 0, -30, "stamp")});
  EXPECT_EQ(page.turn, PdfPage::kLevel);
  EXPECT_EQ(page.fragments.size(), 3u);
  ASSERT_EQ(page.aside.size(), 1u);
  EXPECT_EQ(page.aside[0].text, "stamp and more");
}

TEST(PdfWordsTest, SizeIsThatOfThePageAsShown) {
  const PdfPage page = Page({Line(650, 50, 30, 0, "one"), Line(650, 70, 30, 0, "two")});
  EXPECT_EQ(page.width, 800);
  EXPECT_EQ(page.height, 600);
}

}  // namespace
}  // namespace hadal::retrieval
