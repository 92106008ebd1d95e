#include <gtest/gtest.h>

#include <string>

#include "retrieval/parse/docx_styles.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parser.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

std::string Paragraph(const std::string& text, const std::string& properties = "") {
  return "<w:p><w:pPr>" + properties + "</w:pPr><w:r><w:t xml:space=\"preserve\">" + text +
         "</w:t></w:r></w:p>";
}

std::string Cell(const std::string& text, const std::string& properties = "") {
  return "<w:tc><w:tcPr>" + properties + "</w:tcPr>" + Paragraph(text) + "</w:tc>";
}

TEST(DocxFormatTest, RunsJoinAndTrackedChangesAreApplied) {
  const ParseOutcome outcome = ParseDocx(MakeDocx(
      "<w:p><w:r><w:t>过渡期至</w:t></w:r><w:del><w:r><w:delText>2024年</w:delText></w:r></w:del>"
      "<w:ins><w:r><w:t>2025年</w:t></w:r></w:ins><w:r><w:t>止</w:t><w:tab/><w:t>x</w:t></w:r></"
      "w:p>"
      "<w:del><w:p><w:r><w:t>gone</w:t></w:r></w:p></w:del>"
      "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:t>seen</w:t></w:r></"
      "w:p>"));
  EXPECT_EQ(Shown(outcome), "P 过渡期至2025年止 x\nP seen\n");
  EXPECT_EQ(outcome.document().warnings_size(), 2);
}

TEST(DocxFormatTest, TextNobodyCanReadIsLeftOutAndCounted) {
  const auto run = [](const std::string& text, const std::string& properties) {
    return "<w:r><w:rPr>" + properties + "</w:rPr><w:t>" + text + "</w:t></w:r>";
  };
  const std::string white = "<w:color w:val=\"FFFFFF\"/>";
  const std::string blue = "<w:shd w:val=\"clear\" w:fill=\"003366\"/>";
  const std::string styles =
      "<w:styles><w:style w:type=\"character\" w:styleId=\"h\"><w:rPr><w:vanish/></w:rPr></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"p\"><w:basedOn w:val=\"h\"/></w:style>"
      "<w:style w:type=\"table\" w:styleId=\"t\"><w:tblStylePr><w:tcPr>" +
      blue + "</w:tcPr></w:tblStylePr></w:style></w:styles>";
  const auto row = [&](const std::string& cell_properties) {
    return "<w:tr><w:tc><w:tcPr>" + cell_properties + "</w:tcPr><w:p>" + run("表头", white) +
           "</w:p></w:tc><w:tc><w:p>" + run("x", "") + "</w:p></w:tc></w:tr>";
  };
  const ParseOutcome outcome = ParseDocx(MakeDocx(
      "<w:p>" + run("seen", "<w:sz w:val=\"21\"/>") + run("白字", white) +
          run("1", "<w:sz w:val=\"2\"/>") + run("style", "<w:rStyle w:val=\"h\"/>") +
          run(" lit", white + "<w:highlight w:val=\"blue\"/>") + run(" shaded", white + blue) +
          "</w:p><w:p><w:pPr><w:pStyle w:val=\"p\"/></w:pPr>" + run("all", "") +
          "</w:p><w:p><w:pPr>" + blue + "</w:pPr>" + run("on blue", white) + "</w:p><w:tbl>" +
          row(blue) + row("") + "<w:tr><w:tc><w:tcPr>" + blue + "</w:tcPr><w:p>" +
          run("callout", white) +
          "</w:p></w:tc></w:tr></w:tbl><w:tbl><w:tblPr><w:tblStyle w:val=\"t\"/></w:tblPr>" +
          row("") + "</w:tbl>",
      {{"word/styles.xml", styles}}));
  EXPECT_EQ(Shown(outcome),
            "P seen lit shaded\nP on blue\nT 表头 | x\nT  | x\nP callout\nT 表头 | x\n");
  ASSERT_EQ(outcome.document().warnings_size(), 1);
  EXPECT_EQ(outcome.document().warnings(0), "13 characters of hidden text were left out");
}

TEST(DocxFormatTest, WhiteLettersMayStandOnAPictureBehindThem) {
  EXPECT_EQ(
      Shown(ParseDocx(MakeDocx(
          "<w:p><w:r><w:drawing><wp:anchor xmlns:wp=\"wp\" behindDoc=\"1\"/></w:drawing></w:r>"
          "</w:p><w:p><w:r><w:rPr><w:color "
          "w:val=\"FFFFFF\"/></w:rPr><w:t>封面</w:t></w:r></w:p>"))),
      "P 封面\n");
}

TEST(DocxFormatTest, HeadingsByStyleNameAndOutlineLevel) {
  const std::string styles =
      "<w:styles xmlns:w=\"w\"><w:style w:type=\"paragraph\" w:styleId=\"a1\"><w:name "
      "w:val=\"heading 2\"/>"
      "</w:style><w:style w:styleId=\"own\"><w:basedOn w:val=\"a1\"/><w:name "
      "w:val=\"My\"/></w:style>"
      "<w:style w:styleId=\"out\"><w:name w:val=\"X\"/><w:pPr><w:outlineLvl w:val=\"2\"/></w:pPr>"
      "</w:style></w:styles>";
  EXPECT_EQ(
      Shown(ParseDocx(MakeDocx(Paragraph("一", "<w:pStyle w:val=\"a1\"/>") +
                                   Paragraph("二", "<w:pStyle w:val=\"own\"/>") +
                                   Paragraph("三", "<w:pStyle w:val=\"out\"/>") + Paragraph("文"),
                               {{"word/styles.xml", styles}}))),
      "H2 一\nH2 二\nH3 三\nP 文\n");
}

TEST(DocxFormatTest, AutomaticNumbersAreWritten) {
  const std::string numbering =
      "<w:numbering xmlns:w=\"w\"><w:abstractNum w:abstractNumId=\"5\">"
      "<w:lvl w:ilvl=\"0\"><w:start w:val=\"9\"/><w:numFmt w:val=\"chineseCounting\"/>"
      "<w:lvlText w:val=\"第%1条\"/></w:lvl>"
      "<w:lvl w:ilvl=\"1\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/>"
      "<w:lvlText w:val=\"(%2)\"/></w:lvl></w:abstractNum>"
      "<w:num w:numId=\"3\"><w:abstractNumId w:val=\"5\"/></w:num></w:numbering>";
  const auto item = [](int level, const std::string& text) {
    return Paragraph(text, "<w:numPr><w:ilvl w:val=\"" + std::to_string(level) +
                               "\"/><w:numId w:val=\"3\"/></w:numPr>");
  };
  EXPECT_EQ(Shown(ParseDocx(
                MakeDocx(item(0, "甲") + item(1, "a") + item(1, "b") + item(0, "乙") + item(1, "c"),
                         {{"word/numbering.xml", numbering}}))),
            "L 第九条 甲\nL (1) a\nL (2) b\nL 第十条 乙\nL (1) c\n");
}

TEST(DocxFormatTest, NumberFormats) {
  EXPECT_EQ(FormatNumber(12, "chineseCountingThousand"), "十二");
  EXPECT_EQ(FormatNumber(105, "chineseCounting"), "一百零五");
  EXPECT_EQ(FormatNumber(1010, "chineseCounting"), "一千零一十");
  EXPECT_EQ(FormatNumber(20, "chineseCounting"), "二十");
  EXPECT_EQ(FormatNumber(14, "upperRoman"), "XIV");
  EXPECT_EQ(FormatNumber(28, "lowerLetter"), "bb");
  EXPECT_EQ(FormatNumber(3, "decimalEnclosedCircle"), "③");
  EXPECT_EQ(FormatNumber(3, "anything"), "3");
}

TEST(DocxFormatTest, TablesWithMergedCellsAndDeletedRows) {
  EXPECT_EQ(Shown(ParseDocx(MakeDocx("<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr>" + Cell("层级") +
                                     Cell("金额") +
                                     "</w:tr>"
                                     "<w:tr>" +
                                     Cell("支行", "<w:vMerge w:val=\"restart\"/>") + Cell("50") +
                                     "</w:tr>"
                                     "<w:tr>" +
                                     Cell("", "<w:vMerge/>") + Cell("200") +
                                     "</w:tr>"
                                     "<w:tr><w:trPr><w:del/></w:trPr>" +
                                     Cell("gone") + Cell("1") +
                                     "</w:tr>"
                                     "<w:tr>" +
                                     Cell("one cell frames text") + "</w:tr></w:tbl>"))),
            "TH 层级 | 金额\nT 支行 | 50\nT 支行 | 200\nP one cell frames text\n");
}

TEST(DocxFormatTest, NotesAndTextBoxesFollowTheirParagraph) {
  const std::string notes =
      "<w:footnotes xmlns:w=\"w\"><w:footnote w:type=\"separator\" w:id=\"0\"/>"
      "<w:footnote w:id=\"2\">" +
      Paragraph("note text") + "</w:footnote></w:footnotes>";
  EXPECT_EQ(Shown(ParseDocx(MakeDocx(
                "<w:p><w:r><w:t>main</w:t><w:footnoteReference w:id=\"2\"/></w:r>"
                "<w:r><mc:AlternateContent><mc:Choice><w:txbxContent>" +
                    Paragraph("box") + "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent>" +
                    Paragraph("box") +
                    "</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>" +
                    Paragraph("next"),
                {{"word/footnotes.xml", notes}}))),
            "P main\nP box\nP [1] note text\nP next\n");
}

TEST(DocxFormatTest, HostileContainers) {
  const std::string good = MakeDocx(Paragraph("x"));
  EXPECT_EQ(Shown(ParseFile("a.docx", good)), "P x\n");
  EXPECT_EQ(Shown(ParseFile("a.docx", good.substr(0, good.size() - 30))), "! damaged");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeZip({{"a.txt", "x"}}))), "! archive");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx("", {{"../../etc/cron.d/x", "y"}}))),
            "! unsafe_entry_name");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx("", {{"/abs", "y"}}))), "! unsafe_entry_name");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx("", {{"word/document.xml", "<a/>"}}))), "! damaged");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx("<w:p>"))), "! damaged");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx(""))), "! empty");
  const std::string dtd = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><w/>";
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx(Paragraph("x"), {{"word/styles.xml", dtd}}))),
            "! forbidden_dtd");
  EXPECT_EQ(Shown(ParseFile("a.docx", MakeDocx(Paragraph(std::string(size_t{60} << 20, 'a'))))),
            "! expansion_limit");
}

TEST(DocxFormatTest, DeepNestingIsRefused) {
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += "<w:sdt>";
  deep += Paragraph("x");
  for (int i = 0; i < 50'000; ++i) deep += "</w:sdt>";
  EXPECT_EQ(Shown(ParseDocx(MakeDocx(deep))), "! too_deep");
}

}  // namespace
}  // namespace hadal::retrieval
