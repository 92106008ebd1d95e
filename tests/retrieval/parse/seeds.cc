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

}  // namespace

std::vector<Seed> MakeSeeds() {
  return {{"a.html", kHtml},
          {"a.md", kMarkdown},
          {"a.txt", "第一行\r\nsecond line\n\n\xD1\xB2\xBC\xEC"},
          {"b.txt", std::string("\xFF\xFE\x2D\x4E\x87\x65\n\0", 8)},
          {"a.docx", MakeDocx(kDocumentXml, {{"word/numbering.xml", kNumbering},
                                             {"word/styles.xml", kStyles},
                                             {"word/footnotes.xml", "<w:footnotes/>"}})}};
}

}  // namespace hadal::retrieval
