#include <gtest/gtest.h>

#include <string>

#include "retrieval/parse/formats.h"
#include "tests/retrieval/parse/outcome_text.h"

namespace hadal::retrieval {
namespace {

TEST(MarkdownFormatTest, BlocksOfEveryKind) {
  const ParseOutcome outcome = ParseMarkdown(
      "# 标题 *强调*\n\n段落第一行\n第二行 `code` [链接](http://x)\n\n"
      "- 甲\n- 乙\n  - 丙\n\n3. three\n4. four\n\n"
      "| 列A | 列B |\n| --- | --- |\n| 1 | **2** |\n\n```\nGET /a\n  b\n```\n\n> 引用\n");
  EXPECT_EQ(Shown(outcome),
            "H1 标题 强调\nP 段落第一行第二行 code 链接\nL 甲\nL 乙\nL 丙\nL 3. three\nL 4. four\n"
            "TH 列A | 列B\nT 1 | 2\nC GET /a\nC b\nP 引用\n");
  EXPECT_EQ(outcome.document().title(), "标题 强调");
}

TEST(MarkdownFormatTest, TakesTitleFromFrontMatter) {
  const ParseOutcome outcome = ParseMarkdown("---\ntitle: \"割接方案\"\nx: 1\n---\n# 一\n\n正文\n");
  EXPECT_EQ(outcome.document().title(), "割接方案");
  EXPECT_EQ(Shown(outcome), "H1 一\nP 正文\n");
}

TEST(MarkdownFormatTest, HtmlInsideShowsItsTextOnly) {
  EXPECT_EQ(Shown(ParseMarkdown("text\n\n<div>seen<script>x()</script></div>\n\n"
                                "<p style=\"display:none\">hidden</p>\n")),
            "P text\nP seen\n");
}

TEST(MarkdownFormatTest, DeepNestingEnds) {
  const std::string quotes(20'000, '>');
  ParseMarkdown(quotes + " x");
  ParseMarkdown(std::string(20'000, '[') + "x" + std::string(20'000, ']'));
  ParseMarkdown(std::string(20'000, '*') + "x");
}

TEST(MarkdownFormatTest, ManyItemsStayLinear) {
  std::string list;
  for (int i = 0; i < 30'000; ++i) list += "1. item\n";
  const ParseOutcome outcome = ParseMarkdown(list);
  ASSERT_EQ(outcome.document().blocks_size(), 30'000);
  EXPECT_EQ(outcome.document().blocks(29'999).text(), "30000. item");
}

}  // namespace
}  // namespace hadal::retrieval
