#include "retrieval/clean/dates.h"

#include <gtest/gtest.h>

namespace hadal::retrieval {
namespace {

TEST(DatesTest, EveryForm) {
  for (const std::u32string_view text :
       {U"2024年3月5日", U"2024 年 03 月 05 日", U"二〇二四年三月五日", U"二○二四年三月五号",
        U"二零二四年三月五日", U"2024-03-05", U"2024/3/5", U"2024.3.5", U"5 march 2024",
        U"march 5, 2024", U"mar. 5 2024", U"民国113年3月5日", U"民国一百一十三年三月五日"}) {
    if (text.starts_with(U"民国一")) {
      EXPECT_EQ(WholeDate(text), std::nullopt);  // years are counted to ninety-nine
    } else {
      EXPECT_EQ(WholeDate(text), "2024-03-05");
    }
  }
  EXPECT_EQ(WholeDate(U"二〇二四年十二月三十一日"), "2024-12-31");
  EXPECT_EQ(WholeDate(U"二〇二四年十月二十日"), "2024-10-20");
  EXPECT_EQ(WholeDate(U"2024年3月"), "2024-03");
  EXPECT_EQ(WholeDate(U"december 2025"), "2025-12");
}

TEST(DatesTest, WhatIsNoDate) {
  for (const std::u32string_view text :
       {U"", U"2024", U"2024年", U"2024年13月5日", U"2023年2月29日", U"2024-3", U"2024-03/05",
        U"3.5", U"2024.3.5.1", U"may", U"marching 5, 2024", U"2024年3月5日前", U"31 april 2024",
        U"20240305", U"1024年3月5日", U"第2024年3月5日"}) {
    EXPECT_EQ(WholeDate(text), std::nullopt);
  }
  EXPECT_EQ(WholeDate(U"2024年2月29日"), "2024-02-29");
}

TEST(DatesTest, ReadsAPrefix) {
  size_t length = 0;
  EXPECT_EQ(ReadDate(U"2024年3月5日起施行", length), "2024-03-05");
  EXPECT_EQ(length, 9u);
}

}  // namespace
}  // namespace hadal::retrieval
