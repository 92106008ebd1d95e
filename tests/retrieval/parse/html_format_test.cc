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
