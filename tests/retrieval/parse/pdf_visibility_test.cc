#include "retrieval/parse/pdf_visibility.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "retrieval/parser.h"
#include "tests/retrieval/parse/outcome_text.h"

namespace hadal::retrieval {
namespace {

/// A PDF of one page with this content; F1 is Helvetica.
std::string Pdf(const std::string& content) {
  return "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
         "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
         "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
         "/Resources<</Font<</F1 5 0 R>>>>>>endobj\n4 0 obj<</Length " +
         std::to_string(content.size()) + ">>stream\n" + content +
         "\nendstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
         "trailer<</Root 1 0 R/Size 6>>\nstartxref\n0\n%%EOF\n";
}

std::string Text(int x, int y, const std::string& text, const std::string& state = "0 g 0 Tr",
                 int size = 12) {
  return "BT " + state + " /F1 " + std::to_string(size) + " Tf 1 0 0 1 " + std::to_string(x) + " " +
         std::to_string(y) + " Tm (" + text + ") Tj ET\n";
}

class HiddenTextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/pdftohtml", X_OK) != 0) GTEST_SKIP() << "poppler-utils is missing";
  }
  static std::string ShownOf(const std::string& content, std::string* warnings = nullptr) {
    const auto outcome = ParseFile("a.pdf", Pdf(content));
    if (warnings != nullptr) {
      for (const std::string& warning : outcome.document().warnings()) *warnings += warning + "\n";
    }
    return Shown(outcome);
  }
};

TEST_F(HiddenTextTest, WhatNobodySeesIsLeftOutAndReported) {
  const std::string shown = Text(72, 700, "shown text");
  for (const std::string& hidden :
       {Text(72, 600, "secret", "0 g 3 Tr"), Text(72, 600, "secret", "1 g 0 Tr"),
        Text(72, 600, "secret", "0.97 g 0 Tr"), Text(72, 600, "secret", "0 g 0 Tr", 1),
        Text(700, 600, "secret"), Text(72, -100, "secret")}) {
    std::string warnings;
    EXPECT_EQ(ShownOf(shown + hidden, &warnings), "P shown text\n") << hidden;
    EXPECT_NE(warnings.find("hidden text"), std::string::npos) << hidden;
  }
}

TEST_F(HiddenTextTest, LightTextOnDarkGroundIsSeen) {
  std::string warnings;
  EXPECT_EQ(ShownOf("0 0.2 0.6 rg 60 590 200 30 re f\n" + Text(72, 600, "header cell", "1 g 0 Tr"),
                    &warnings),
            "P header cell\n");
  EXPECT_EQ(warnings, "");
}

TEST_F(HiddenTextTest, TheTextLayerOfAScanIsKept) {
  // What recognition put over a picture is not painted; the picture shows it.
  std::string picture;
  for (int x = 72; x < 140; x += 4) picture += "0 g " + std::to_string(x) + " 600 2 10 re f\n";
  std::string warnings;
  EXPECT_EQ(ShownOf(picture + Text(72, 600, "recognized", "0 g 3 Tr"), &warnings),
            "P recognized\n");
  EXPECT_EQ(warnings, "");
}

TEST_F(HiddenTextTest, HiddenWordInAShownLine) {
  EXPECT_EQ(ShownOf("BT /F1 12 Tf 72 700 Td (costs 6) Tj 1 g ( secret) Tj 0 g ( a day) Tj ET"),
            "P costs 6 a day\n");
}

TEST(PaintedTextReaderTest, SurvivesNonsense) {
  PaintedTextReader reader;
  for (const char* line :
       {"<text top=\"1\" left=\"1\" width=\"9\" height=\"9\" font=\"0\">no page</text>",
        "<page number=\"1\" top=\"0\" left=\"0\" height=\"842\" width=\"595\">",
        "<fontspec id=\"0\" size=\"12\" color=\"#ffffff\"/>", "<fontspec id=\"1\" color=\"#12\"/>",
        "<text top=\"10\" left=\"10\" width=\"50\" height=\"9\" font=\"0\">white</text>",
        "<text top=\"10\" left=\"nan\" width=\"50\" height=\"9\" font=\"0\">x</text>",
        "<text top=\"-99\" left=\"10\" width=\"50\" height=\"9\" font=\"7\">off</text>", "<text",
        "<text top=\"10\" left=\"10\" width=\"50\" height=\"9\" font=\"1\">black</text>", "junk"}) {
    EXPECT_TRUE(reader.AddLine(line));
  }
  ASSERT_EQ(reader.pages().size(), 1u);
  ASSERT_EQ(reader.pages()[0].size(), 2u);
  EXPECT_NEAR(reader.pages()[0][0].lightness, 1, 1e-9);
  EXPECT_EQ(reader.pages()[0][1].lightness, 0);
  EXPECT_EQ(reader.off_page(), 1);
}

TEST(PagePixelsTest, TrustsNoHeader) {
  const PdfWord word{0, 0, 1, 1, "x"};
  for (const char* pgm : {"", "P5", "P5\n2 2\n255\n", "P5\n-1 2\n255\nabcd", "P6\n1 1\n255\nx"}) {
    const PagePixels::Range range = PagePixels(pgm).Inside(word);
    EXPECT_EQ(range.low, 0) << pgm;
    EXPECT_EQ(range.high, 255) << pgm;
  }
  EXPECT_EQ(PagePixels("P5\n2 2\n255\nabcd").Inside({-5, -5, 0.5, 9, "x"}).high, 'c');
}

}  // namespace
}  // namespace hadal::retrieval
