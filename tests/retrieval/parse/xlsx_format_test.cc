#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/sheet_cells.h"
#include "tests/retrieval/parse/outcome_text.h"
#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A sheet's name, attributes of its entry, and the XML inside <worksheet>.
struct TestSheet {
  std::string name;
  std::string attributes;
  std::string xml;
};

constexpr const char* kStyles =
    "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy-mm-dd\"/></numFmts>"
    "<fonts><font/><font><color rgb=\"FFFFFFFF\"/></font></fonts>"
    "<fills><fill><patternFill patternType=\"none\"/></fill>"
    "<fill><patternFill patternType=\"solid\"><fgColor rgb=\"FF003366\"/></patternFill></fill>"
    "</fills><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/><xf numFmtId=\"2\"/>"
    "<xf fontId=\"1\" fillId=\"0\"/><xf fontId=\"1\" fillId=\"1\"/></cellXfs></styleSheet>";

std::string MakeXlsx(const std::vector<TestSheet>& sheets,
                     std::vector<std::pair<std::string, std::string>> more_parts = {}) {
  std::string entries;
  std::string relations;
  std::vector<std::pair<std::string, std::string>> parts = {{"[Content_Types].xml", "<Types/>"},
                                                            {"xl/styles.xml", kStyles}};
  for (size_t i = 0; i < sheets.size(); ++i) {
    const std::string id = std::to_string(i + 1);
    entries += "<sheet name=\"" + sheets[i].name + "\" sheetId=\"" + id + "\" r:id=\"r" + id +
               "\" " + sheets[i].attributes + "/>";
    relations += "<Relationship Id=\"r" + id + "\" Target=\"worksheets/s" + id + ".xml\"/>";
    parts.emplace_back("xl/worksheets/s" + id + ".xml",
                       "<worksheet>" + sheets[i].xml + "</worksheet>");
  }
  parts.emplace_back("xl/workbook.xml", "<workbook><sheets>" + entries + "</sheets></workbook>");
  parts.emplace_back("xl/_rels/workbook.xml.rels",
                     "<Relationships>" + relations + "</Relationships>");
  for (auto& part : more_parts) parts.push_back(std::move(part));
  return MakeZip(parts);
}

std::string Text(const std::string& place, const std::string& text, int style = 0) {
  return "<c r=\"" + place + "\" s=\"" + std::to_string(style) + "\" t=\"inlineStr\"><is><t>" +
         text + "</t></is></c>";
}

std::string Number(const std::string& place, const std::string& value, int style = 0) {
  return "<c r=\"" + place + "\" s=\"" + std::to_string(style) + "\"><v>" + value + "</v></c>";
}

std::string Row(int number, const std::string& cells, const std::string& attributes = "") {
  return "<row r=\"" + std::to_string(number) + "\" " + attributes + ">" + cells + "</row>";
}

std::string Data(const std::string& rows) { return "<sheetData>" + rows + "</sheetData>"; }

std::string ShownSheet(const std::string& xml) {
  return Shown(ParseXlsx(MakeXlsx({{"表", "", xml}})));
}

TEST(XlsxFormatTest, ValuesAsShown) {
  EXPECT_EQ(
      ShownSheet(Data(Row(1, Text("A1", "日期") + Text("B1", "金额") + Text("C1", "是否")) +
                      Row(2, Number("A2", "45750", 1) + Number("B2", "6.8", 2) +
                                 "<c r=\"C2\" t=\"b\"><v>1</v></c>") +
                      Row(3, Number("A3", "45756", 1) + "<c r=\"B3\" t=\"e\"><v>#N/A</v></c>" +
                                 "<c r=\"C3\" t=\"str\"><f>A1</f><v>公式</v></c>"))),
      "H1 表\nTH 日期 | 金额 | 是否\nT 2025-04-03 | 6.80 | TRUE\nT 2025-04-09 | #N/A | 公式\n");
}

TEST(XlsxFormatTest, SharedStringsInRunsWithoutPhoneticGuides) {
  const std::string sheet = Data(Row(1,
                                     "<c r=\"A1\" t=\"s\"><v>0</v></c>"
                                     "<c r=\"B1\" t=\"s\"><v>1</v></c>"
                                     "<c r=\"C1\" t=\"s\"><v>9</v></c>"));
  const std::string strings =
      "<sst><si><r><t>变</t></r><r><t>压器</t></r><rPh><t>bian</t></rPh></si>"
      "<si><t>a_x000D_\nb_x005F_c</t></si></sst>";
  EXPECT_EQ(Shown(ParseXlsx(MakeXlsx({{"S", "", sheet}}, {{"xl/sharedStrings.xml", strings}}))),
            "H1 S\nT 变压器 | a b_c\n");
}

TEST(XlsxFormatTest, MergedCellsStandInEachOfTheirCells) {
  const ParseOutcome outcome = ParseXlsx(MakeXlsx(
      {{"缺陷", "",
        "<sheetViews><sheetView><pane ySplit=\"3\" state=\"frozen\"/></sheetView></sheetViews>" +
            Data(Row(1, Text("A1", "缺陷记录表")) +
                 Row(2, Text("A2", "编号") + Text("B2", "处理")) +
                 Row(3, Text("B3", "日期") + Text("C3", "时长")) +
                 Row(4, Text("A4", "041") + Number("B4", "45750", 1) + Number("C4", "5")) +
                 Row(5, Text("A5", "042") + Text("B5", "未处理"))) +
            "<mergeCells><mergeCell ref=\"A1:C1\"/><mergeCell ref=\"A2:A3\"/>"
            "<mergeCell ref=\"B2:C2\"/><mergeCell ref=\"B5:C5\"/></mergeCells>"}}));
  EXPECT_EQ(Shown(outcome),
            "H1 缺陷\nP 缺陷记录表\nTH 编号 | 处理 | 处理\nTH 编号 | 日期 | 时长\n"
            "T 041 | 2025-04-03 | 5\nT 042 | 未处理 | 未处理\n");
  EXPECT_EQ(outcome.document().title(), "缺陷记录表");
}

TEST(XlsxFormatTest, HeaderRowsNeedEvidence) {
  // Texts above texts in the same style: nothing tells a header.
  EXPECT_EQ(ShownSheet(Data(Row(1, Text("A1", "甲") + Text("B1", "乙")) +
                            Row(2, Text("A2", "丙") + Text("B2", "丁")))),
            "H1 表\nT 甲 | 乙\nT 丙 | 丁\n");
  EXPECT_EQ(
      ShownSheet("<autoFilter ref=\"A1:B2\"/>" + Data(Row(1, Text("A1", "甲") + Text("B1", "乙")) +
                                                      Row(2, Text("A2", "丙") + Text("B2", "丁")))),
      "H1 表\nTH 甲 | 乙\nT 丙 | 丁\n");
  EXPECT_EQ(ShownSheet(Data(Row(1, Text("A1", "甲", 4) + Text("B1", "乙", 4)) +
                            Row(2, Text("A2", "丙") + Text("B2", "丁")))),
            "H1 表\nTH 甲 | 乙\nT 丙 | 丁\n");
}

TEST(XlsxFormatTest, TablesEndAtBlankRowsAndGoOnBehindSubtitles) {
  const ParseOutcome outcome = ParseXlsx(
      MakeXlsx({{"表", "",
                 Data(Row(1, Text("A1", "项目") + Text("B1", "数") + Text("C1", "注")) +
                      Row(2, Text("A2", "甲") + Number("B2", "1")) + Row(3, Text("A3", "第二组")) +
                      Row(4, Text("A4", "乙") + Number("B4", "2") + Text("C4", "x")) +
                      Row(6, Text("D6", "名称") + Text("F6", "值")) +
                      Row(7, Text("D7", "丙") + Number("F7", "3")))}}));
  EXPECT_EQ(Shown(outcome),
            "H1 表\nTH 项目 | 数 | 注\nT 甲 | 1\nP 第二组\nT 乙 | 2 | x\nTH 名称 | 值\nT 丙 | 3\n");
  std::vector<int> tables;
  for (const Block& block : outcome.document().blocks()) tables.push_back(block.table());
  EXPECT_THAT(tables, ElementsAre(0, 1, 1, 0, 1, 2, 2));
}

TEST(XlsxFormatTest, RowsWithOneValueLeftAreNoNotes) {
  EXPECT_EQ(ShownSheet(Data(Row(1, Text("A1", "项目") + Text("B1", "数")) +
                            Row(2, Text("A2", "甲")) + Row(3, Number("B3", "2")))),
            "H1 表\nTH 项目 | 数\nT 甲\nT  | 2\n");
}

TEST(XlsxFormatTest, NamesBelowGroupsAreHeaderRowsToo) {
  const std::string data =
      Data(Row(1, Text("A1", "单位") + Text("B1", "一季度")) +
           Row(2, Text("A2", "名称") + Text("B2", "计划") + Text("C2", "实际")) +
           Row(3, Text("A3", "甲") + Number("B3", "1") + Number("C3", "2")));
  EXPECT_EQ(ShownSheet(data + "<mergeCells><mergeCell ref=\"B1:C1\"/></mergeCells>"),
            "H1 表\nTH 单位 | 一季度 | 一季度\nTH 名称 | 计划 | 实际\nT 甲 | 1 | 2\n");
  EXPECT_EQ(ShownSheet(data), "H1 表\nTH 单位 | 一季度\nT 名称 | 计划 | 实际\nT 甲 | 1 | 2\n");
}

TEST(XlsxFormatTest, HiddenThingsAreLeftOutAndReported) {
  const ParseOutcome outcome = ParseXlsx(MakeXlsx(
      {{"可见", "",
        "<cols><col min=\"2\" max=\"2\" hidden=\"1\"/></cols>" +
            Data(Row(1, Text("A1", "seen") + Text("B1", "column") + Text("C1", "also")) +
                 Row(2, Text("A2", "row"), "hidden=\"1\"") +
                 Row(3, Text("A3", "white", 3) + Text("B3", "x") + Text("C3", "on blue", 4)))},
       {"藏", "state=\"veryHidden\"", Data(Row(1, Text("A1", "sheet")))}}));
  EXPECT_EQ(Shown(outcome), "H1 可见\nTH seen | also\nT  | on blue\n");
  EXPECT_THAT(outcome.document().warnings(),
              ElementsAre(HasSubstr("1 hidden sheets"), HasSubstr("4 cells")));
}

TEST(XlsxFormatTest, WhiteLettersMayStandOnPaintFromElsewhere) {
  EXPECT_EQ(ShownSheet(Data(Row(1, Text("A1", "a", 3) + Text("B1", "b"))) +
                       "<conditionalFormatting sqref=\"A1:A9\"/>"),
            "H1 表\nT a | b\n");
}

TEST(XlsxFormatTest, FormulasThatWereNeverComputedAreReported) {
  const ParseOutcome outcome = ParseXlsx(MakeXlsx(
      {{"表", "",
        Data(Row(1, Text("A1", "合计") + "<c r=\"B1\"><f>SUM(A1:A9)</f></c>"
                                         "<c r=\"C1\" t=\"str\"><f>\"\"</f><v></v></c>"))}}));
  EXPECT_EQ(Shown(outcome), "H1 表\nP 合计\n");
  EXPECT_THAT(outcome.document().warnings(), ElementsAre(HasSubstr("1 formulas")));
}

TEST(XlsxFormatTest, CellsFarApartCostNothing) {
  EXPECT_EQ(ShownSheet(Data(Row(1, Text("A1", "首格")) + Row(1048576, Text("XFD1048576", "末格"))) +
                       "<mergeCells><mergeCell ref=\"B2:XFC1048575\"/></mergeCells>"),
            "H1 表\nP 首格\nP 末格\n");
}

TEST(XlsxFormatTest, LinksOutsideAreNotFollowed) {
  const std::string relations =
      "<Relationships><Relationship Id=\"r1\" TargetMode=\"External\" "
      "Target=\"file:///etc/passwd\"/></Relationships>";
  const std::string workbook =
      "<workbook><sheets><sheet name=\"a\" r:id=\"r1\"/></sheets></workbook>";
  EXPECT_EQ(Shown(ParseXlsx(MakeZip({{"[Content_Types].xml", "<Types/>"},
                                     {"xl/workbook.xml", workbook},
                                     {"xl/_rels/workbook.xml.rels", relations}}))),
            "! empty");
}

TEST(XlsxFormatTest, DocumentTypesAndBrokenPartsAreRefused) {
  EXPECT_EQ(Shown(ParseXlsx(MakeXlsx({{"a", "", "<unclosed>"}}))), "! damaged");
  EXPECT_EQ(Shown(ParseXlsx(
                MakeXlsx({{"a", "", Data("")}},
                         {{"xl/sharedStrings.xml", "<!DOCTYPE x [<!ENTITY a \"b\">]><sst/>"}}))),
            "! forbidden_dtd");
}

TEST(SheetCellsTest, References) {
  CellRange range;
  ASSERT_TRUE(ParseCellRange("C3", range));
  EXPECT_TRUE(range.Contains(3, 3));
  EXPECT_FALSE(range.Contains(4, 3));
  ASSERT_TRUE(ParseCellRange("$AA$10:B2", range));
  EXPECT_TRUE(range.Contains(2, 2));
  EXPECT_TRUE(range.Contains(10, 27));
  for (const char* wrong :
       {"", "A", "1", "A0", "1A", "A1:", "XFE1", "A1048577", "A1B", "A99999999999"}) {
    EXPECT_FALSE(ParseCellRange(wrong, range)) << wrong;
  }
}

}  // namespace
}  // namespace hadal::retrieval
