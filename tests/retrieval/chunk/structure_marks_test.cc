#include "retrieval/parse/structure_marks.h"

#include <gtest/gtest.h>

namespace hadal::retrieval {
namespace {

TEST(StructureMarksTest, Levels) {
  EXPECT_EQ(StructureLevel("第一章 总则"), 1);
  EXPECT_EQ(StructureLevel("第 12 节 附则"), 2);
  EXPECT_EQ(StructureLevel("第九条 因电网安全约束"), 3);
  EXPECT_EQ(StructureLevel("一、辦證資格"), 1);
  EXPECT_EQ(StructureLevel("（二）市大数据中心"), 2);
  EXPECT_EQ(StructureLevel("2.1 Scope"), 2);
  EXPECT_EQ(StructureLevel("3.4.5总体要求"), 3);
  EXPECT_EQ(StructureLevel("4 First actions"), 1);
  for (const char* plain :
       {"", "正文", "3 ppm at the fence", "2025年3月", "3.5", "(see below)", "第一次"}) {
    EXPECT_LE(StructureLevel(plain), plain[0] == '2' ? 1 : 0) << plain;
  }
}

TEST(StructureMarksTest, BlocksAndItems) {
  EXPECT_TRUE(StartsBlock("第九条 因"));
  EXPECT_TRUE(StartsBlock("• item"));
  EXPECT_TRUE(StartsBlock("（三）其他"));
  EXPECT_FALSE(StartsBlock("(2) other"));
  EXPECT_TRUE(StartsNumbered("(2) other"));
  EXPECT_TRUE(StartsNumbered("3) other"));
  EXPECT_FALSE(StartsNumbered("3 ppm"));
  EXPECT_TRUE(StartsListItem("- item"));
  EXPECT_TRUE(StartsListItem("1. item"));
  EXPECT_FALSE(StartsListItem("1.5 m"));
  EXPECT_TRUE(IsNamedDivision("第三节 检查"));
  EXPECT_FALSE(IsNamedDivision("第三条 检查"));
}

}  // namespace
}  // namespace hadal::retrieval
