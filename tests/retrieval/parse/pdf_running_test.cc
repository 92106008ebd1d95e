#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retrieval/parse/pdf_layout.h"

namespace hadal::retrieval {
namespace {

PdfFragment Line(double x, double y, const std::string& text) {
  PdfFragment fragment;
  fragment.x0 = x;
  fragment.y0 = y;
  fragment.y1 = y + 10;
  fragment.x1 = x + static_cast<double>(text.size()) * 5;
  fragment.text = text;
  return fragment;
}

/// Texts left on each of the pages.
std::vector<std::vector<std::string>> Left(std::vector<std::vector<PdfFragment>> fragments) {
  std::vector<PdfPage> pages;
  for (std::vector<PdfFragment>& on_page : fragments) {
    PdfPage page;
    page.number = static_cast<int32_t>(pages.size()) + 1;
    page.width = 600;
    page.height = 800;
    page.fragments = std::move(on_page);
    pages.push_back(std::move(page));
  }
  RemoveRunningText(pages);
  std::vector<std::vector<std::string>> left;
  for (const PdfPage& page : pages) {
    left.emplace_back();
    for (const PdfFragment& fragment : page.fragments) left.back().push_back(fragment.text);
  }
  return left;
}

using Texts = std::vector<std::string>;

TEST(PdfRunningTest, TitlesThatCountPagesGo) {
  std::vector<std::vector<PdfFragment>> pages;
  for (int i = 1; i <= 4; ++i) {
    pages.push_back(
        {Line(50, 20, "Manual 2025"), Line(400, 20, "Page " + std::to_string(i + 6) + " of 90"),
         Line(50, 60, "Body " + std::to_string(i * i)), Line(290, 770, std::to_string(i + 6))});
  }
  const auto left = Left(pages);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(left[i], (Texts{"Body " + std::to_string((i + 1) * (i + 1))}));
  }
}

TEST(PdfRunningTest, NumbersOfATableAtTheEdgeStay) {
  std::vector<std::vector<PdfFragment>> pages;
  for (int i = 1; i <= 4; ++i) {
    pages.push_back({Line(50, 60, "12.5"), Line(200, 60, std::to_string(900 - 37 * i)),
                     Line(50, 73, "13.5"), Line(200, 73, std::to_string(i)),
                     Line(50, 760, std::to_string(40 + 3 * i))});
  }
  const auto left = Left(pages);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(left[i].size(), 5u) << i;
}

TEST(PdfRunningTest, BodyThatBeginsAlikeStays) {
  // A table's heading that is repeated on each page stands close to its rows.
  std::vector<std::vector<PdfFragment>> pages;
  for (int i = 1; i <= 4; ++i) {
    pages.push_back({Line(50, 60, "No"), Line(200, 60, "Item"), Line(50, 73, std::to_string(i * i)),
                     Line(200, 73, "thing " + std::string(static_cast<size_t>(i), 'x'))});
  }
  for (const Texts& texts : Left(pages)) EXPECT_EQ(texts.size(), 4u);
  // The clause numbers of a law do not count its pages.
  pages.clear();
  for (int i = 1; i <= 4; ++i) {
    pages.push_back({Line(50, 60, "第" + std::to_string(3 * i) + "条"), Line(50, 100, "body")});
  }
  for (const Texts& texts : Left(pages)) EXPECT_EQ(texts.size(), 2u);
}

TEST(PdfRunningTest, ElsewhereOnThePageTheSameTextStays) {
  std::vector<std::vector<PdfFragment>> pages;
  for (int i = 0; i < 4; ++i) {
    pages.push_back({Line(50, 20 + 15 * i, "Attachment"), Line(50, 300, "body")});
  }
  for (const Texts& texts : Left(pages)) EXPECT_EQ(texts.size(), 2u);
}

TEST(PdfRunningTest, TitlesOfChaptersGoFromTheirPages) {
  std::vector<std::vector<PdfFragment>> pages;
  for (int i = 0; i < 20; ++i) {
    pages.push_back({Line(50, 20, std::string("Chapter ") + static_cast<char>('A' + i / 4)),
                     Line(50, 100, "body")});
  }
  for (const Texts& texts : Left(pages)) EXPECT_EQ(texts, Texts{"body"});
}

TEST(PdfRunningTest, ASinglePageKeepsAllButItsNumber) {
  EXPECT_EQ(Left({{Line(50, 20, "Notice"), Line(50, 100, "body"), Line(50, 760, "2025"),
                   Line(50, 780, "第1页")}})[0],
            (Texts{"Notice", "body", "2025"}));
}

}  // namespace
}  // namespace hadal::retrieval
