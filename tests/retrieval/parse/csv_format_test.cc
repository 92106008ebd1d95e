#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retrieval/parse/csv_reader.h"
#include "retrieval/parse/formats.h"
#include "tests/retrieval/parse/outcome_text.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<CsvRecord> ReadAll(std::string_view text, char delimiter = ',') {
  CsvReader reader(text, delimiter);
  std::vector<CsvRecord> records;
  for (CsvRecord record; reader.Next(record);) records.push_back(record);
  return records;
}

TEST(CsvReaderTest, QuotesAsInRfc4180) {
  EXPECT_THAT(ReadAll("a,\"b,\"\"c\"\"\r\nd\",e\r\n\r\n,\n"),
              ElementsAre(CsvRecord{"a", "b,\"c\"\r\nd", "e"}, CsvRecord{"", ""}));
  EXPECT_THAT(ReadAll("5\" pipe,\"x\"y"), ElementsAre(CsvRecord{"5\" pipe", "xy"}));
}

TEST(CsvReaderTest, AQuoteThatNothingClosesIsACharacter) {
  EXPECT_THAT(ReadAll("a,\"b\nc,\"d"), ElementsAre(CsvRecord{"a", "b\nc,d"}));
  EXPECT_THAT(ReadAll("a,\"b\nc,d"), ElementsAre(CsvRecord{"a", "\"b"}, CsvRecord{"c", "d"}));
}

TEST(CsvReaderTest, FindsTheDelimiter) {
  EXPECT_EQ(FindDelimiter("a,b\n1,2\n"), ',');
  EXPECT_EQ(FindDelimiter("a;b\n1,5;2,5\n3,5;4,5\n"), ';');
  EXPECT_EQ(FindDelimiter("a\tb, c\n1\t2\n"), '\t');
  EXPECT_EQ(FindDelimiter("a|b|c\n1|2|3\n"), '|');
  EXPECT_EQ(FindDelimiter("one column\nno more\n"), ',');
  EXPECT_EQ(FindDelimiter(""), ',');
}

TEST(CsvFormatTest, HeaderAndRows) {
  const ParseOutcome outcome = ParseCsv("\xEF\xBB\xBF类别,标准\n存款,0.10\n\"a\nb\",\n");
  EXPECT_EQ(Shown(outcome), "TH 类别 | 标准\nT 存款 | 0.10\nT a b | \n");
  EXPECT_EQ(outcome.document().format(), "csv");
}

TEST(CsvFormatTest, TitlesAboveAndNotesBelowAreParagraphs) {
  EXPECT_EQ(Shown(ParseCsv("收费表,,\n,,\n项目,客户,元\n转账,个人,2\n汇款,对公,3\n备注：含税,,\n")),
            "P 收费表\nTH 项目 | 客户 | 元\nT 转账 | 个人 | 2\nT 汇款 | 对公 | 3\nP 备注：含税\n");
}

TEST(CsvFormatTest, NumbersOrGapsAreNoHeader) {
  EXPECT_EQ(Shown(ParseCsv("2025-07-01,3.5\n2025-07-02,3.6\n")),
            "T 2025-07-01 | 3.5\nT 2025-07-02 | 3.6\n");
  EXPECT_EQ(Shown(ParseCsv("a,a\n1,2\n")), "T a | a\nT 1 | 2\n");
}

TEST(CsvFormatTest, ExcelsSeparatorLineAndGb18030) {
  // 项目;数 in GB18030.
  const ParseOutcome outcome = ParseCsv("sep=;\r\n\xCF\xEE\xC4\xBF;\xCA\xFD\r\na,b;1\r\n");
  EXPECT_EQ(Shown(outcome), "TH 项目 | 数\nT a,b | 1\n");
  EXPECT_EQ(outcome.document().encoding(), "gb18030");
}

TEST(CsvFormatTest, FormulasAreText) {
  EXPECT_EQ(Shown(ParseCsv("项目,数值\n\"=HYPERLINK(\"\"http://x/\"\")\",1\n")),
            "TH 项目 | 数值\nT =HYPERLINK(\"http://x/\") | 1\n");
}

TEST(CsvFormatTest, BinaryDataIsRefused) {
  EXPECT_EQ(Shown(ParseCsv(std::string(100, '\0') + ",\n")), "! not_text");
  EXPECT_EQ(Shown(ParseCsv("\n\n")), "! empty");
}

}  // namespace
}  // namespace hadal::retrieval
