#include "tests/retrieval/parse/seeds.h"

#include "tests/retrieval/parse/zip_writer.h"

namespace hadal::retrieval {
namespace {

constexpr const char* kHtml =
    "<!DOCTYPE html><html><head><meta charset=utf-8><title>T</title><style>.a{display:none}</style>"
    "</head><body><main><h1>标题</h1><p class=a>x</p><table><tr><th>A<th>B</tr><tr><td rowspan=2>1"
    "<td>2</tr><tr><td colspan=3>3</table><ul><li>i<li>j</ul><pre>a\nb</pre><svg><title>s</title>"
    "</svg></main></body></html>";

constexpr const char* kMarkdown =
    "---\ntitle: x\n---\n# 标题\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n  1. "
    "y\n\n```\ncode\n```\n"
    "> q\n\n<div hidden>h</div>\n\n[l](u) ![i](u) `c` **b** *e* ~~s~~\n";

constexpr const char* kDocumentXml =
    "<w:p><w:pPr><w:pStyle w:val=\"a\"/><w:numPr><w:ilvl w:val=\"1\"/><w:numId "
    "w:val=\"3\"/></w:numPr>"
    "</w:pPr><w:r><w:t>文字</w:t><w:tab/><w:br/><w:footnoteReference w:id=\"2\"/></w:r><w:del><w:r>"
    "<w:delText>d</w:delText></w:r></w:del></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:vMerge "
    "w:val=\"restart\"/>"
    "<w:gridSpan w:val=\"2\"/></w:tcPr><w:p/></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>";

constexpr const char* kNumbering =
    "<w:numbering><w:abstractNum w:abstractNumId=\"5\"><w:lvl w:ilvl=\"1\"><w:start w:val=\"9\"/>"
    "<w:numFmt w:val=\"chineseCounting\"/><w:lvlText w:val=\"%1.%2\"/></w:lvl></w:abstractNum>"
    "<w:num w:numId=\"3\"><w:abstractNumId w:val=\"5\"/></w:num></w:numbering>";

constexpr const char* kStyles =
    "<w:styles><w:style w:styleId=\"a\"><w:basedOn w:val=\"b\"/></w:style><w:style w:styleId=\"b\">"
    "<w:basedOn w:val=\"a\"/><w:name w:val=\"heading 2\"/></w:style></w:styles>";

constexpr const char* kCsv =
    "sep=;\n标题;;\n项目;\"数\"\"值\";日期\n甲;1,5;2025-07-01\n\"b\nc\";2;x\n";

constexpr const char* kMail =
    "From: =?utf-8?B?5Lit?= =?gbk?Q?=D6=D0?= <a@b>\nSubject: s\nContent-Type: multipart/mixed; "
    "boundary=\"m\"\n\n--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\n"
    "Content-Type: text/html; charset=gb2312\nContent-Transfer-Encoding: quoted-printable\n\n"
    "<p>=D6=D0</p>=\n\n--a--\n--m\nContent-Type: text/csv; name*0*=utf-8''%E4%B8; name*1*=%AD\n"
    "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nYSxiCjEsMgo=\n--m\n"
    "Content-Type: message/rfc822\n\nSubject: inner\n\nbody\n--m--\n";

}  // namespace

const std::string& SheetSeed() {
  static const std::string kSheet =
      "<worksheet><sheetViews><sheetView><pane ySplit=\"2\" state=\"frozen\"/></sheetView>"
      "</sheetViews><cols><col min=\"4\" max=\"5\" hidden=\"1\"/></cols><sheetData><row r=\"1\">"
      "<c r=\"A1\" t=\"inlineStr\"><is><t>题</t></is></c></row><row r=\"2\"><c r=\"A2\" "
      "t=\"s\"><v>0</v>"
      "</c><c r=\"B2\" t=\"str\"><f>A1</f><v>b</v></c></row><row r=\"3\" hidden=\"0\"><c r=\"A3\" "
      "s=\"1\"><v>45750.5</v></c><c s=\"2\"><v>-1.5</v></c><c "
      "r=\"D3\"><v>9</v></c></row><row><c><v>7"
      "</v></c><c t=\"b\"><v>1</v></c></row></sheetData><autoFilter ref=\"A2:B9\"/><mergeCells>"
      "<mergeCell ref=\"A1:B1\"/><mergeCell ref=\"A3:A4\"/></mergeCells><conditionalFormatting "
      "sqref=\"A1 B2:C9\"/></worksheet>";
  return kSheet;
}

const std::string& WorkbookStylesSeed() {
  static const std::string kStyleSheet =
      "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"[>9]yyyy/m/d h:mm AM/PM;"
      "[$¥-804]#,##0.0,;0%\"/></numFmts><fonts><font><color "
      "rgb=\"FFFFFFFF\"/></font></fonts><fills>"
      "<fill><patternFill/></fill></fills><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/>"
      "<xf numFmtId=\"11\"/></cellXfs></styleSheet>";
  return kStyleSheet;
}

const std::string& SlideSeed() {
  static const std::string kSlide =
      "<sld><cSld><spTree><sp><nvSpPr><cNvPr/><nvPr><ph "
      "type=\"title\"/></nvPr></nvSpPr><txBody><p><r>"
      "<t>题</t></r></p></txBody></sp><grpSp><sp><spPr><xfrm><off x=\"1\" y=\"1\"/><ext cx=\"2\" "
      "cy=\"2\"/></xfrm></spPr><txBody><p><pPr lvl=\"1\"><buAutoNum type=\"romanLcParenBoth\" "
      "startAt=\"3\"/></pPr><r><rPr "
      "sz=\"1800\"/><t>a</t></r><br/><fld><t>b</t></fld></p><p/></txBody>"
      "</sp></grpSp><graphicFrame><graphic><graphicData><tbl><tblPr firstRow=\"1\"/><tr><tc "
      "gridSpan=\"2\"><txBody><p><r><t>c</t></r></p></txBody></tc><tc hMerge=\"1\"/></tr><tr><tc "
      "vMerge=\"1\"/><tc/></tr></tbl></graphicData></graphic></graphicFrame></spTree></cSld></sld>";
  return kSlide;
}

std::vector<Seed> MakeSeeds() {
  return {{"a.html", kHtml},
          {"a.md", kMarkdown},
          {"a.txt", "第一行\r\nsecond line\n\n\xD1\xB2\xBC\xEC"},
          {"a.csv", kCsv},
          {"a.eml", kMail},
          {"a.xlsx", MakeOneSheet(SheetSeed(), {{"xl/styles.xml", WorkbookStylesSeed()}})},
          {"a.pptx", MakeOneSlide(SlideSeed())},
          {"b.txt", std::string("\xFF\xFE\x2D\x4E\x87\x65\n\0", 8)},
          {"a.docx", MakeDocx(kDocumentXml, {{"word/numbering.xml", kNumbering},
                                             {"word/styles.xml", kStyles},
                                             {"word/footnotes.xml", "<w:footnotes/>"}})}};
}

}  // namespace hadal::retrieval
