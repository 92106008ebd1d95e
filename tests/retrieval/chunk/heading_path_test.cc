#include "retrieval/chunk/heading_path.h"

#include <gmock/gmock.h>

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;
using ::testing::ElementsAre;

/// The path behind a document of these lines; a digit before a line and a bar ("1|…") is the level
/// of its style.
std::vector<std::string> PathBehind(const std::vector<std::string>& lines) {
  ParsedDocument document;
  for (const std::string& line : lines) {
    Block& block = *document.add_blocks();
    const bool styled = line.size() > 2 && line[1] == '|';
    block.set_kind(styled ? Block::HEADING : Block::PARAGRAPH);
    if (styled) block.set_heading_level(line[0] - '0');
    block.set_text(styled ? line.substr(2) : line);
  }
  const std::vector<BlockInfo> blocks = FindBlockRoles(document);
  HeadingPath path;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (blocks[b].role != BlockRole::kHeading) continue;
    path.Enter(blocks[b], document.blocks(static_cast<int>(b)).text(), 1);
  }
  std::vector<std::string> texts;
  for (const HeadingPath::Entry& entry : path.entries()) texts.push_back(entry.text);
  return texts;
}

TEST(HeadingPathTest, NumbersNestByTheirKind) {
  std::vector<std::string> lines = {"第一章 总则", "一、目的", "（一）范围", "1. 设备"};
  EXPECT_THAT(PathBehind(lines), ElementsAre("第一章 总则", "一、目的", "（一）范围", "1. 设备"));
  lines.push_back("（二）人员");
  EXPECT_THAT(PathBehind(lines), ElementsAre("第一章 总则", "一、目的", "（二）人员"));
  lines.push_back("二、依据");
  EXPECT_THAT(PathBehind(lines), ElementsAre("第一章 总则", "二、依据"));
  lines.push_back("第二章 职责");
  EXPECT_THAT(PathBehind(lines), ElementsAre("第二章 职责"));
}

TEST(HeadingPathTest, DecimalsNestByTheirDepth) {
  EXPECT_THAT(PathBehind({"2 职责", "2.1 部门", "（一）检修", "2.2 人员"}),
              ElementsAre("2 职责", "2.2 人员"));
  EXPECT_THAT(PathBehind({"2 职责", "2.1.3 部门", "3 检查"}), ElementsAre("3 检查"));
}

TEST(HeadingPathTest, StylesComeBeforeNumbers) {
  EXPECT_THAT(PathBehind({"1|规程", "2|总则", "一、目的", "2|职责"}), ElementsAre("规程", "职责"));
  EXPECT_THAT(PathBehind({"1|规程", "2|一、总则", "二、职责"}), ElementsAre("规程", "二、职责"));
  EXPECT_THAT(PathBehind({"3|细则", "1|附录"}), ElementsAre("附录"));
}

TEST(BlockRolesTest, WhatIsAHeading) {
  const auto role = [](const std::string& text) {
    ParsedDocument document;
    Block& block = *document.add_blocks();
    block.set_kind(Block::PARAGRAPH);
    block.set_text(text);
    return FindBlockRoles(document)[0].role;
  };
  for (const char* text : {"第一章 总则", "第三编", "第二节检修", "第三章所有权", "一、总体要求",
                           "（三）保障措施", "3.4 试验周期", "2 Scope"}) {
    EXPECT_EQ(role(text), BlockRole::kHeading) << text;
  }
  for (const char* text : {"第一条 为规范管理，制定本办法。", "第十二条之一 【检修】设备应当检修。",
                           "第三条各部门应当配合。"}) {
    EXPECT_EQ(role(text), BlockRole::kArticle) << text;
  }
  for (const char* text : {"第三章的规定", "第二章至第五章另有规定", "第十条规定的情形",
                           "第十条、第十一条除外", "第八条 和第九条", "依照第十条的规定办理",
                           "第一次检修", "正文", "第一章 按照上述要求办理，"}) {
    EXPECT_EQ(role(text), BlockRole::kText) << text;
  }
  EXPECT_EQ(role("（一）身份证明；"), BlockRole::kItem);
  EXPECT_EQ(role("下列材料："), BlockRole::kLeadIn);
  EXPECT_EQ(role("问题3：如何办理？"), BlockRole::kQuestion);
  EXPECT_EQ(role("答：到窗口办理。"), BlockRole::kAnswer);
  EXPECT_EQ(role("表2 周期"), BlockRole::kCaption);
  EXPECT_EQ(role("表示同意"), BlockRole::kText);
}

}  // namespace
}  // namespace hadal::retrieval
