#include "retrieval/parse/cell_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace hadal::retrieval {
namespace {

std::string FormatCell(double value, const char* code, bool date1904 = false) {
  return CellFormat(code).Show(value, date1904);
}

// Expected values are what Excel shows, but for the lone point of "12." under 0.##.
TEST(CellFormatTest, Numbers) {
  EXPECT_EQ(FormatCell(138.5, "0.0"), "138.5");
  EXPECT_EQ(FormatCell(0, "0.0"), "0.0");
  EXPECT_EQ(FormatCell(1234567.891, "#,##0.00"), "1,234,567.89");
  EXPECT_EQ(FormatCell(999, "#,##0"), "999");
  EXPECT_EQ(FormatCell(-1234, "#,##0"), "-1,234");
  EXPECT_EQ(FormatCell(0.5, "#.##"), ".5");
  EXPECT_EQ(FormatCell(12, "0.##"), "12");
  EXPECT_EQ(FormatCell(7, "000"), "007");
  EXPECT_EQ(FormatCell(2.675, "0.00"), "2.68");
  EXPECT_EQ(FormatCell(-0.001, "0.00"), "0.00");
  EXPECT_EQ(FormatCell(0.1234, "0.0%"), "12.3%");
  EXPECT_EQ(FormatCell(12345.6, "0.00E+00"), "1.23E+04");
  EXPECT_EQ(FormatCell(0.00012, "0.0E+0"), "1.2E-4");
  EXPECT_EQ(FormatCell(999.9, "0.0E+00"), "1.0E+03");
  EXPECT_EQ(FormatCell(5e-324, "0.00E+00"), "4.94E-324");
  EXPECT_EQ(FormatCell(1e307, "0%%"), "1E+307");
  EXPECT_EQ(FormatCell(13800138000.0, "000-0000-0000"), "138-0013-8000");
}

TEST(CellFormatTest, LiteralsScalesAndCurrencies) {
  EXPECT_EQ(FormatCell(12345, "0!.0,\"万\""), "1.2万");
  EXPECT_EQ(FormatCell(1500000, "#,##0,"), "1,500");
  EXPECT_EQ(FormatCell(88.5, "[$¥-804]#,##0.00"), "¥88.50");
  EXPECT_EQ(FormatCell(3, "0\"个工作日\""), "3个工作日");
  EXPECT_EQ(FormatCell(5, "0\\ \"kV\"_)"), "5 kV");
  EXPECT_EQ(FormatCell(5, "* 0"), "5");
}

TEST(CellFormatTest, SectionsBySignAndCondition) {
  const char* accounting = "#,##0.00;(#,##0.00);\"-\"";
  EXPECT_EQ(FormatCell(5, accounting), "5.00");
  EXPECT_EQ(FormatCell(-5, accounting), "(5.00)");
  EXPECT_EQ(FormatCell(0, accounting), "-");
  EXPECT_EQ(FormatCell(-2, "0;[Red]-0"), "-2");
  EXPECT_EQ(FormatCell(150, "[>=100]\"high\";[<10]\"low\";0"), "high");
  EXPECT_EQ(FormatCell(5, "[>=100]\"high\";[<10]\"low\";0"), "low");
  EXPECT_EQ(FormatCell(50, "[>=100]\"high\";[<10]\"low\";0"), "50");
  EXPECT_EQ(FormatCell(5, ";;;"), "");
  EXPECT_TRUE(CellFormat(";;;").ShowsNothing());
  EXPECT_FALSE(CellFormat("0;;;@").ShowsNothing());
}

TEST(CellFormatTest, DatesAndTimes) {
  EXPECT_EQ(FormatCell(45750, "yyyy-mm-dd"), "2025-04-03");
  EXPECT_EQ(FormatCell(45750, "yyyy\"年\"m\"月\"d\"日\""), "2025年4月3日");
  EXPECT_EQ(FormatCell(45750, "yyyy/m/d\\ aaaa"), "2025/4/3 星期四");
  EXPECT_EQ(FormatCell(45750, "dddd, mmm d, yy"), "Thursday, Apr 3, 25");
  EXPECT_EQ(FormatCell(45750.6875, "yyyy-mm-dd hh:mm:ss"), "2025-04-03 16:30:00");
  EXPECT_EQ(FormatCell(45750.6875, "h:mm AM/PM"), "4:30 PM");
  EXPECT_EQ(FormatCell(45750.6875, "上午/下午h:mm"), "下午4:30");
  EXPECT_EQ(FormatCell(0.5, "h:mm"), "12:00");
  EXPECT_EQ(FormatCell(1.5, "[h]:mm"), "36:00");
  EXPECT_EQ(FormatCell(1.0 / 86400 * 90.25, "mm:ss.00"), "01:30.25");
  EXPECT_EQ(FormatCell(1, "yyyy-mm-dd"), "1900-01-01");
  EXPECT_EQ(FormatCell(61, "yyyy-mm-dd"), "1900-03-01");
  EXPECT_EQ(FormatCell(0, "yyyy-mm-dd", /*date1904=*/true), "1904-01-01");
  EXPECT_EQ(FormatCell(-3, "yyyy-mm-dd"), "-3");
}

TEST(CellFormatTest, General) {
  EXPECT_EQ(FormatGeneral(0.1 + 0.2), "0.3");
  EXPECT_EQ(FormatGeneral(110101199003077758.0), "1.10101199E+17");
  EXPECT_EQ(FormatGeneral(400855071900.0), "400855071900");
  EXPECT_EQ(FormatGeneral(-2.5), "-2.5");
  EXPECT_EQ(FormatCell(0.5, "# ?/?"), "0.5");
  EXPECT_EQ(FormatCell(7, "General\"台\""), "7台");
}

TEST(CellFormatTest, NoCodeAndNoValueIsTooOdd) {
  for (const char* code :
       {"",       "\"",           "[",     "[<", "\\",   "_",   "*", "E+",    "0E+", ".", ",",
        ";;;;;;", "yyyyyyyyyyyy", "0.0.0", "[h", "%%%%", "?/?", "@", "AM/PM", "E+%"}) {
    for (const double value :
         {0.0, -1.5, 1e308, -1e-300, 5e-324, 45750.99999999,
          std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
      EXPECT_LT(FormatCell(value, code).size(), 400u) << code << " " << value;
    }
  }
}

}  // namespace
}  // namespace hadal::retrieval
