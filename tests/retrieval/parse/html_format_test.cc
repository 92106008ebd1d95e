#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/html_tree.h"
#include "tests/retrieval/parse/outcome_text.h"

namespace hadal::retrieval {
namespace {

TEST(HtmlFormatTest, LeavesTheFrameOfTheSiteOut) {
  const ParseOutcome outcome = ParseHtml(
      "<!DOCTYPE html><html><head><title>页面</title><script>var a=1</script></head><body>"
      "<header><div>PORTAL</div></header><nav>首页</nav><div class=\"breadcrumb\">a &gt; b</div>"
      "<aside>最新</aside><main><h1>标题</h1><p>正文 <b>粗</b>体</p><ul><li>项</li></ul></main>"
      "<footer>版权</footer></body></html>");
  EXPECT_EQ(Shown(outcome), "H1 标题\nP 正文 粗体\nL 项\n");
  EXPECT_EQ(outcome.document().title(), "页面");
}

TEST(HtmlFormatTest, HiddenTextIsLeftOutAndReported) {
  const ParseOutcome outcome = ParseHtml(
      "<html><style>.ad, #x {display: none} @media print{.p{display:none}}</style><body>"
      "<p>seen</p><p style=\"color:red; DISPLAY : none\">a</p><p hidden>b</p>"
      "<p aria-hidden=true>c</p><p class=\"big ad\">d</p><p id=x>e</p><p class=p>print</p>"
      "<p style=\"visibility:hidden\">f</p></body></html>");
  EXPECT_EQ(Shown(outcome), "P seen\nP print\n");
  ASSERT_EQ(outcome.document().warnings_size(), 1);
  EXPECT_THAT(outcome.document().warnings(0), ::testing::HasSubstr("hidden"));
}

TEST(HtmlFormatTest, LettersNobodyCanReadAreHidden) {
  const ParseOutcome outcome = ParseHtml(
      "<html><body><p>seen</p><p style=\"color:white;font-size:14px\">a<b>b</b>"
      "<i style=\"color:#333\">dark</i></p><p style=\"font-size:1px\">c</p>"
      "<font color=#FFFFFF>d</font><p style=\"position:absolute; left:-9999px\">e</p>"
      "<p style=\"opacity:0\">f</p><div style=\"height:0;overflow:hidden\">g</div>"
      "<p style=\"font-size:0.9em;opacity:.9;height:0\">h</p></body></html>");
  EXPECT_EQ(Shown(outcome), "P seen\nP dark\nP h\n");
  EXPECT_THAT(outcome.document().warnings(0), ::testing::HasSubstr("7 bytes of hidden"));
}

TEST(HtmlFormatTest, WhiteLettersOnPaintAreSeen) {
  const char* white = "<p style=\"color:white\">w</p>";
  const auto shown = [&](const std::string& head, const std::string& before) {
    return Shown(ParseHtml("<html><head>" + head + "</head><body><p>x</p>" + before + white));
  };
  EXPECT_EQ(shown("", ""), "P x\n");
  EXPECT_EQ(shown("", "<div style=\"background:#003366 url(a;b)\">"), "P x\nP w\n");
  EXPECT_EQ(shown("", "<table bgcolor=navy><tr><td>"), "P x\nT w\n");
  EXPECT_EQ(shown("<style>.hero{background-color:navy}</style>", "<div class=\"big hero\">"),
            "P x\nP w\n");
  EXPECT_EQ(shown("<style>.hero{background-color:navy}</style>", "<div class=other>"), "P x\n");
  // Where a background cannot be told, nothing is taken for hidden.
  EXPECT_EQ(shown("<style>.a .b{background:navy}</style>", ""), "P x\nP w\n");
  EXPECT_EQ(shown("<style>@media screen{p{background:navy}}</style>", ""), "P x\nP w\n");
  EXPECT_EQ(shown("<link rel=stylesheet href=a.css>", ""), "P x\nP w\n");
  EXPECT_EQ(shown("<style>@import url(a.css);</style>", ""), "P x\nP w\n");
}

TEST(HtmlFormatTest, FramesByTheirNames) {
  EXPECT_EQ(
      Shown(ParseHtml("<html><body><div class=\"page with-sidebar\"><div class=top-nav>a</div>"
                      "<div id=cookie-consent>b</div><div class=\"banner\"><h1>标题</h1></div>"
                      "<div class=\"card-footer\">注</div><div role=contentinfo>c</div>"
                      "<ul class=\"main-menu\"><li>d</ul><p class=menu-item>正文</p></div>")),
      "H1 标题\nP 注\nP 正文\n");
}

TEST(HtmlFormatTest, StyleSheetsWithoutEndCostLinearTime) {
  std::string css(2'000'000, '{');
  EXPECT_EQ(Shown(ParseHtml("<html><style>" + css + "</style><p>x")), "P x\n");
}

TEST(HtmlFormatTest, TablesAsRowsWithSpansRepeated) {
  EXPECT_EQ(Shown(ParseHtml("<html><table><caption>表1</caption><tr><th>A<th>B<th>C</tr>"
                            "<tr><td rowspan=2>x</td><td>1</td><td>2<br>3</td></tr>"
                            "<tr><td colspan=2>4</td></tr></table></html>")),
            "P 表1\nTH A | B | C\nT x | 1 | 2 3\nT x | 4\n");
}

TEST(HtmlFormatTest, LayoutTablesAreNoTables) {
  EXPECT_EQ(
      Shown(ParseHtml("<html><table><tr><td><p>para</p>"
                      "<table><tr><td>a</td><td>b</td></tr></table></td></tr></table></html>")),
      "P para\nT a | b\n");
}

TEST(HtmlFormatTest, LineBreaksInsideChineseAreNoSpaces) {
  EXPECT_EQ(Shown(ParseHtml("<html><p>第一\n  行和\n English\nwords</p></html>")),
            "P 第一行和 English words\n");
}

TEST(HtmlFormatTest, TakesTheFrameWhenThereIsNothingElse) {
  EXPECT_EQ(Shown(ParseHtml("<html><body><footer>only here</footer></body></html>")),
            "P only here\n");
}

TEST(HtmlFormatTest, DeclaredCharacterSet) {
  const ParseOutcome outcome =
      ParseHtml("<html><head><meta charset=\"big5\"></head><p>\xBB\x4F\xC6\x57</p></html>");
  EXPECT_EQ(Shown(outcome), "P 臺灣\n");
  EXPECT_EQ(outcome.document().encoding(), "big5");
}

TEST(HtmlFormatTest, PreformattedTextKeepsItsLines) {
  EXPECT_EQ(Shown(ParseHtml("<html><pre>a b\n  c</pre></html>")), "C a b\nC c\n");
}

TEST(HtmlFormatTest, DeepNestingIsRefusedWithoutBuildingATree) {
  std::string page = "<html>";
  for (int i = 0; i < 100'000; ++i) page += "<div>";
  EXPECT_EQ(Shown(ParseHtml(page + "x")), "! too_deep");
  std::string fine = "<html>";
  for (int i = 0; i < 50'000; ++i) fine += "<p>x<br>";
  EXPECT_EQ(ParseHtml(fine).document().blocks_size(), 50'000);
}

TEST(HtmlTreeTest, FreesDeepTreesWithoutRecursion) {
  std::string page;
  for (int i = 0; i < 20'000; ++i) page += "<b>";
  EXPECT_NE(HtmlTree::Parse(page)->root(), nullptr);
}

}  // namespace
}  // namespace hadal::retrieval
