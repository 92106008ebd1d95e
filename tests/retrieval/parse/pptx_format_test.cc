#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "retrieval/parse/formats.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Parts = std::vector<std::pair<std::string, std::string>>;

std::string Slide(const std::string& shapes, const std::string& attributes = "") {
  return "<p:sld xmlns:p=\"p\" xmlns:a=\"a\" xmlns:r=\"r\" " + attributes + "><p:cSld><p:spTree>" +
         shapes + "</p:spTree></p:cSld></p:sld>";
}

std::string Paragraph(const std::string& text, const std::string& properties = "") {
  return "<a:p>" + properties + "<a:r><a:t>" + text + "</a:t></a:r></a:p>";
}

std::string Shape(const std::string& paragraphs, const std::string& placeholder = "",
                  const std::string& place = "", const std::string& attributes = "") {
  return "<p:sp><p:nvSpPr><p:cNvPr id=\"2\" " + attributes + "/><p:nvPr>" + placeholder +
         "</p:nvPr></p:nvSpPr><p:spPr>" + place + "</p:spPr><p:txBody><a:bodyPr/>" + paragraphs +
         "</p:txBody></p:sp>";
}

const char* const kTitle = "<p:ph type=\"title\"/>";

/// Slides in the order given, though their parts are named the other way round.
std::string MakePptx(const std::vector<std::string>& slides, const Parts& more_parts = {}) {
  std::string list;
  std::string relations;
  Parts parts = {{"[Content_Types].xml", "<Types/>"}};
  for (size_t i = 0; i < slides.size(); ++i) {
    const std::string id = std::to_string(i + 1);
    const std::string part = "slides/slide" + std::to_string(slides.size() - i) + ".xml";
    list += "<p:sldId id=\"256\" r:id=\"r" + id + "\"/>";
    relations += "<Relationship Id=\"r" + id + "\" Target=\"" + part + "\"/>";
    parts.emplace_back("ppt/" + part, slides[i]);
  }
  parts.emplace_back("ppt/presentation.xml",
                     "<p:presentation xmlns:p=\"p\" xmlns:r=\"r\"><p:sldIdLst>" + list +
                         "</p:sldIdLst><p:sldSz cx=\"1000\" cy=\"500\"/></p:presentation>");
  parts.emplace_back("ppt/_rels/presentation.xml.rels",
                     "<Relationships>" + relations + "</Relationships>");
  parts.insert(parts.end(), more_parts.begin(), more_parts.end());
  return MakeZip(parts);
}

TEST(PptxFormatTest, SlidesInOrderWithTitlesFirst) {
  const ParseOutcome outcome =
      ParsePptx(MakePptx({Slide(Shape(Paragraph("正文")) + Shape(Paragraph("标题一"), kTitle)),
                          Slide(Shape(Paragraph("标题二"), "<p:ph type=\"ctrTitle\"/>") +
                                Shape(Paragraph("甲") + Paragraph("乙"), "<p:ph idx=\"1\"/>") +
                                Shape(Paragraph("7"), "<p:ph type=\"sldNum\"/>"))}));
  EXPECT_EQ(Shown(outcome), "H1 标题一\nP 正文\nH1 标题二\nL 甲\nL 乙\n");
  EXPECT_EQ(outcome.document().pages(), 2);
  EXPECT_EQ(outcome.document().blocks(1).page(), 1);
  EXPECT_EQ(outcome.document().blocks(4).page(), 2);
  EXPECT_EQ(outcome.document().title(), "标题一");
}

TEST(PptxFormatTest, SlidesWithoutTitleStandUnderNoOther) {
  const std::string length(200, 'x');
  EXPECT_EQ(Shown(ParsePptx(MakePptx({Slide(Shape(Paragraph("短句")) + Shape(Paragraph("文"))),
                                      Slide(Shape(Paragraph(length)))}))),
            "H1 短句\nP 文\nH1 Slide 2\nP " + length + "\n");
}

TEST(PptxFormatTest, TablesWithMergedCells) {
  const auto cell = [](const std::string& text, const std::string& attributes = "") {
    return "<a:tc " + attributes + "><a:txBody>" + Paragraph(text) + "</a:txBody></a:tc>";
  };
  const std::string table =
      "<p:graphicFrame><p:nvGraphicFramePr/><a:graphic><a:graphicData><a:tbl>"
      "<a:tblPr firstRow=\"1\"/><a:tr>" +
      cell("要素") + cell("内容", "gridSpan=\"2\"") + cell("", "hMerge=\"1\"") + "</a:tr><a:tr>" +
      cell("期限", "rowSpan=\"2\"") + cell("a") + cell("b") + "</a:tr><a:tr>" +
      cell("", "vMerge=\"1\"") + cell("c") + cell("d") +
      "</a:tr></a:tbl></a:graphicData></a:graphic></p:graphicFrame>";
  EXPECT_EQ(Shown(ParsePptx(MakePptx({Slide(Shape(Paragraph("表"), kTitle) + table)}))),
            "H1 表\nTH 要素 | 内容\nT 期限 | a | b\nT 期限 | c | d\n");
}

TEST(PptxFormatTest, NumberedParagraphsAndGroups) {
  const std::string number = "<a:pPr><a:buAutoNum type=\"arabicPeriod\" startAt=\"2\"/></a:pPr>";
  const std::string deeper = "<a:pPr lvl=\"1\"><a:buAutoNum type=\"ea1ChsPeriod\"/></a:pPr>";
  EXPECT_EQ(
      Shown(ParsePptx(MakePptx({Slide(
          Shape(Paragraph("步骤"), kTitle) + "<p:grpSp><p:grpSpPr/>" +
          Shape(Paragraph("上传", number) + Paragraph("清单", deeper) + Paragraph("核验", number)) +
          "</p:grpSp>")}))),
      "H1 步骤\nL 2. 上传\nL 一. 清单\nL 3. 核验\n");
}

TEST(PptxFormatTest, NotesAndDiagrams) {
  const std::string relations =
      "<Relationships><Relationship Id=\"n\" Target=\"../notesSlides/n1.xml\"/>"
      "<Relationship Id=\"d\" Target=\"/ppt/diagrams/data1.xml\"/>"
      "<Relationship Id=\"e\" TargetMode=\"External\" Target=\"http://127.0.0.1/x\"/>"
      "</Relationships>";
  const std::string diagram =
      "<d:dataModel xmlns:d=\"d\" xmlns:a=\"a\"><d:ptLst><d:pt type=\"doc\"/><d:pt><d:t>" +
      Paragraph("确权") + "</d:t></d:pt><d:pt type=\"pres\"><d:t>" + Paragraph("no") +
      "</d:t></d:pt></d:ptLst></d:dataModel>";
  const std::string frame =
      "<p:graphicFrame><a:graphic><a:graphicData><d:relIds xmlns:d=\"d\" r:dm=\"d\"/>"
      "</a:graphicData></a:graphic></p:graphicFrame>";
  EXPECT_EQ(Shown(ParsePptx(MakePptx({Slide(Shape(Paragraph("流程"), kTitle) + frame)},
                                     {{"ppt/slides/_rels/slide1.xml.rels", relations},
                                      {"ppt/diagrams/data1.xml", diagram},
                                      {"ppt/notesSlides/n1.xml",
                                       Slide(Shape(Paragraph("提示"), "<p:ph type=\"body\"/>") +
                                             Shape(Paragraph("1"), "<p:ph type=\"sldNum\"/>"))}}))),
            "H1 流程\nL 确权\nP 提示\n");
}

TEST(PptxFormatTest, HiddenThingsAreLeftOutAndReported) {
  const auto at = [](int x, int y) {
    return "<a:xfrm><a:off x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
           "\"/><a:ext cx=\"100\" cy=\"100\"/></a:xfrm>";
  };
  const ParseOutcome outcome = ParsePptx(MakePptx(
      {Slide(Shape(Paragraph("见"), kTitle) + Shape(Paragraph("shape"), "", "", "hidden=\"1\"") +
             Shape(Paragraph("right"), "", at(1000, 0)) +
             Shape(Paragraph("above"), "", at(0, -100)) +
             Shape(Paragraph("here"), "", at(950, 450)) +
             Shape("<a:p><a:r><a:rPr sz=\"100\"/><a:t>tiny</a:t></a:r></a:p>")),
       Slide(Shape(Paragraph("slide")), "show=\"0\"")}));
  EXPECT_EQ(Shown(outcome), "H1 见\nP here\n");
  EXPECT_THAT(
      outcome.document().warnings(),
      ElementsAre(HasSubstr("1 hidden slides"), HasSubstr("3 shapes"), HasSubstr("4 characters")));
}

TEST(PptxFormatTest, GroupsNestedTooDeepAreRefused) {
  std::string groups;
  std::string ends;
  for (int i = 0; i < 300; ++i) {
    groups += "<p:grpSp>";
    ends += "</p:grpSp>";
  }
  EXPECT_EQ(Shown(ParsePptx(MakePptx({Slide(groups + ends)}))), "! too_deep");
}

}  // namespace
}  // namespace hadal::retrieval
