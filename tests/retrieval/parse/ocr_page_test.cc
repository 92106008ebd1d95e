#include "retrieval/parse/ocr_page.h"

#include <gtest/gtest.h>

#include <string>

namespace hadal::retrieval {
namespace {

/// A row of tesseract's TSV.
std::string Row(int level, int x, int y, int width, int height, double confidence = -1,
                const std::string& text = "") {
  return std::to_string(level) + "\t1\t1\t1\t1\t1\t" + std::to_string(x) + "\t" +
         std::to_string(y) + "\t" + std::to_string(width) + "\t" + std::to_string(height) + "\t" +
         std::to_string(confidence) + "\t" + text;
}

TEST(OcrPageTest, ChineseHasNoSpacesAndItsOwnMarks) {
  OcrPageReader reader;
  reader.AddLine("level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop");
  reader.AddLine(Row(4, 100, 200, 600, 40));
  int x = 100;
  for (const char* word :
       {"时限", "为", "20", "个", "工作", "日", ",", "编码", ":", "YX-1", "B2."}) {
    EXPECT_TRUE(reader.AddLine(Row(5, x, 200, 40, 40, 90, word)));
    x += 45;
  }
  const PdfPage page = reader.ToPage(0.24);
  ASSERT_EQ(page.fragments.size(), 1u);
  EXPECT_EQ(page.fragments[0].text, "时限为20个工作日，编码：YX-1 B2.");
  EXPECT_NEAR(page.fragments[0].x0, 24, 1e-9);
  EXPECT_NEAR(page.fragments[0].y1, 57.6, 1e-9);
  EXPECT_NEAR(reader.confidence(), 90, 1e-9);
}

TEST(OcrPageTest, EnglishKeepsSpacesAndMarks) {
  OcrPageReader reader;
  reader.AddLine(Row(4, 0, 0, 400, 40));
  reader.AddLine(Row(5, 0, 0, 60, 40, 95, "Costs,"));
  reader.AddLine(Row(5, 70, 0, 60, 40, 95, "(net):"));
  reader.AddLine(Row(5, 140, 0, 60, 40, 95, "none."));
  EXPECT_EQ(reader.ToPage(1).fragments.at(0).text, "Costs, (net): none.");
}

TEST(OcrPageTest, WideGapsAreColumnsAndHeightsNearTheBodyAreTheBody) {
  OcrPageReader reader;
  for (int line = 0; line < 3; ++line) {
    reader.AddLine(Row(4, 0, 100 * line, 600, 38 + 2 * line));
    reader.AddLine(Row(5, 0, 100 * line, 60, 40, 95, "名称"));
    reader.AddLine(Row(5, 300, 100 * line, 60, 40, 95, "份数"));
  }
  reader.AddLine(Row(4, 0, 400, 600, 60));
  reader.AddLine(Row(5, 0, 400, 60, 60, 95, "标题"));
  const PdfPage page = reader.ToPage(1);
  ASSERT_EQ(page.fragments.size(), 7u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(page.fragments[static_cast<size_t>(i)].height(), 40) << i;
  EXPECT_EQ(page.fragments[6].height(), 60);
  EXPECT_EQ(page.fragments[1].x0, 300);
}

TEST(OcrPageTest, StainsAndNonsenseAreLeftOut) {
  OcrPageReader reader;
  reader.AddLine(Row(5, 0, 0, 60, 40, 95, "before any line"));
  reader.AddLine(Row(4, 0, 0, 600, 40));
  reader.AddLine(Row(5, 0, 0, 60, 40, 3, "stain"));
  reader.AddLine(Row(5, 0, 0, 60, 40, 95, " "));
  reader.AddLine(Row(5, 0, 0, 0, 40, 95, "flat"));
  reader.AddLine("5\t1\t1\t1\t1\t1\tnan\t0\t60\t40\t95\tx");
  reader.AddLine("5\t1\t1\t1\t1\t1\t1e300\t0\t60\t40\t95\tx");
  reader.AddLine("5\t1\t1");
  reader.AddLine("");
  EXPECT_TRUE(reader.ToPage(1).fragments.empty());
  EXPECT_EQ(reader.confidence(), 0);
  reader.AddLine(Row(5, 0, 0, 60, 40, 80, "good\xFF"));
  EXPECT_EQ(reader.ToPage(1).fragments.at(0).text, "good\uFFFD");
}

TEST(OcrPageTest, WordsAreBounded) {
  OcrPageReader reader;
  reader.AddLine(Row(4, 0, 0, 600, 40));
  const std::string row = Row(5, 0, 0, 60, 40, 95, "x");
  int taken = 0;
  while (taken < 1'000'000 && reader.AddLine(row)) ++taken;
  EXPECT_EQ(taken, 200'000);
}

}  // namespace
}  // namespace hadal::retrieval
