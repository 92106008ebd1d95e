#include "retrieval/clean/document_fields.h"

#include <map>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class DocumentFieldsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TextFolder::Create()); }

  std::vector<DocumentField> Fields(const std::vector<std::string>& lines) {
    ParsedDocument document;
    for (const std::string& line : lines) {
      Block& block = *document.add_blocks();
      block.set_kind(Block::PARAGRAPH);
      block.set_text(line);
    }
    return FindDocumentFields(document, *folder_);
  }

  /// Normalized values by name.
  std::map<std::string, std::string> Normalized(const std::vector<std::string>& lines) {
    std::map<std::string, std::string> fields;
    for (const DocumentField& field : Fields(lines)) {
      EXPECT_TRUE(fields.emplace(field.name, field.normalized).second) << field.name;
    }
    return fields;
  }

  std::unique_ptr<TextFolder> folder_;
};

TEST_F(DocumentFieldsTest, AnOfficialDocument) {
  const std::vector<std::string> lines = {"000012",
                                          "机密★3年",
                                          "特急",
                                          "青岚市数据局文件",
                                          "青岚数发〔2025〕27号 签发人：甲某某",
                                          "青岚市数据局关于印发",
                                          "《公共数据共享管理办法（试行）》的通知",
                                          "各区人民政府，市各委、办、局，各有关单位：",
                                          "根据青岚政发〔2024〕3号文件要求，现将办法印发给你们。",
                                          "一、总体要求",
                                          "本办法自2025年5月1日起施行，有效期5年。",
                                          "附件：办法全文",
                                          "青岚市数据局",
                                          "二〇二五年三月五日",
                                          "抄送：市委办公室，市人大常委会办公室。",
                                          "青岚市数据局办公室 2025年3月6日印发"};
  EXPECT_THAT(Normalized(lines),
              UnorderedElementsAre(
                  Pair("document_number", "青岚数发[2025]27号"), Pair("classification", "机密"),
                  Pair("classification_period", "P3Y"), Pair("issuer", "青岚市数据局"),
                  Pair("signer", "甲某某"),
                  Pair("title", "青岚市数据局关于印发《公共数据共享管理办法(试行)》的通知"),
                  Pair("addressee", "各区人民政府,市各委、办、局,各有关单位"),
                  Pair("date", "2025-03-05"), Pair("copy_to", "市委办公室,市人大常委会办公室"),
                  Pair("effective_date", "2025-05-01"), Pair("validity_period", "P5Y")));
  for (const DocumentField& field : Fields(lines)) {
    if (field.name == "document_number") {
      EXPECT_EQ(field.value, "青岚数发〔2025〕27号");
    }
    if (field.name == "date") {
      EXPECT_EQ(field.value, "二〇二五年三月五日");
    }
    if (field.name == "title") {
      EXPECT_EQ(field.value, "青岚市数据局关于印发《公共数据共享管理办法（试行）》的通知");
    }
  }
}

TEST_F(DocumentFieldsTest, ALetterWithoutRedHeadAndWithAnnexes) {
  EXPECT_THAT(Normalized({"关于商请提供接口的函", "（青嵐數函﹝2024﹞008號）", "北汀市信息中心：",
                          "为推进工作，商请贵中心提供接口。", "青岚市数据局 2024年11月2日", "附件1",
                          "接口清单", "南溪公司", "2020年1月1日"}),
              UnorderedElementsAre(Pair("title", "关于商请提供接口的函"),
                                   Pair("document_number", "青岚数函[2024]8号"),
                                   Pair("addressee", "北汀市信息中心"),
                                   Pair("issuer", "青岚市数据局"), Pair("date", "2024-11-02")));
}

TEST_F(DocumentFieldsTest, AManualSaysItInATableOrInLines) {
  EXPECT_THAT(
      Normalized({"主变压器检修手册", "文件编号 | QL－JX－2025－011 | 版 本 | V3.2",
                  "密级 | 内部 | 生效日期 | 2025.07.01"}),
      UnorderedElementsAre(Pair("document_number", "ql-jx-2025-011"), Pair("version", "v3.2"),
                           Pair("classification", "内部"), Pair("effective_date", "2025-07-01")));
  EXPECT_THAT(Normalized({"采购合同", "合同编号：QLHT（2025）第015号 签发日期：2025年1月2日",
                          "有效期至：2027年12月31日"}),
              UnorderedElementsAre(Pair("contract_number", "qlht[2025]第015号"),
                                   Pair("date", "2025-01-02"), Pair("expiry_date", "2027-12-31")));
  // Labels that nobody knows, and gaps, end a value too.
  EXPECT_THAT(Normalized({"操作手册", "版本：V3.2 编制：监测组 更新日期：2025年2月10日",
                          "编号：QL－CR－0217　　主责部门：审批部"}),
              UnorderedElementsAre(Pair("version", "v3.2"), Pair("document_number", "ql-cr-0217")));
  EXPECT_THAT(Normalized({"Emergency plan", "Document No.: QL-ERP-4   Revision: 4",
                          "Effective date: 1 July 2025", "Classification: Confidential"}),
              UnorderedElementsAre(Pair("document_number", "ql-erp-4"), Pair("version", "4"),
                                   Pair("effective_date", "2025-07-01"),
                                   Pair("classification", "confidential")));
}

TEST_F(DocumentFieldsTest, SentencesAreNoFields) {
  // Numbers, dates, levels and verbs in running text say nothing of the document itself.
  EXPECT_THAT(
      Normalized({"数据共享说明", "按照青岚数发〔2025〕27号的规定，机密级数据不共享。",
                  "秘密级事项的管理", "机密", "密级：由各单位自定", "张贴日期为2025年1月1日。",
                  "2025年1月1日", "该标准自2024年1月1日起施行。", "生效日期：另行通知",
                  "编号：见附表", "版本：最新"}),
      UnorderedElementsAre(Pair("classification", "机密")));
  EXPECT_THAT(Normalized({"会议材料", "请各部门注意如下事项：", "抄送范围由办公室确定。"}),
              IsEmpty());
  EXPECT_THAT(Normalized({}), IsEmpty());
}

TEST_F(DocumentFieldsTest, FarFromTheBeginningALabelIsNoField) {
  std::vector<std::string> lines(60, "正文一段，说明检修的要求。");
  lines.push_back("合同编号：QLHT-1");
  lines.push_back("密级：机密");
  EXPECT_THAT(Normalized(lines), IsEmpty());
  lines.push_back("抄送：市委办公室。");
  EXPECT_THAT(Normalized(lines), UnorderedElementsAre(Pair("copy_to", "市委办公室")));
}

TEST_F(DocumentFieldsTest, InForceFromTheDayOfIssue) {
  EXPECT_THAT(Normalized({"青岚规〔2025〕2号", "本规定自印发之日起施行，有效期至2027年6月30日。",
                          "青岚市交通局", "2025年6月3日"}),
              UnorderedElementsAre(Pair("document_number", "青岚规[2025]2号"),
                                   Pair("issuer", "青岚市交通局"), Pair("date", "2025-06-03"),
                                   Pair("effective_date", "2025-06-03"),
                                   Pair("expiry_date", "2027-06-30")));
}

TEST_F(DocumentFieldsTest, AValueIsNormalizedAsItsFieldIs) {
  const std::map<std::pair<std::string, std::string>, std::string> values = {
      {{"document_number", "云数发〔2025〕27号"}, "云数发[2025]27号"},
      {{"document_number", " 雲數發［2025］第０27號 "}, "云数发[2025]27号"},
      {{"document_number", "云数发[2025]27号"}, "云数发[2025]27号"},
      {{"document_number", "QB-（7） 12"}, "qb-[7]12"},
      {{"contract_number", "HT【2024】 08"}, "ht[2024]08"},
      {{"date", "2024年3月5日"}, "2024-03-05"},
      {{"date", "二〇二四年三月五日"}, "2024-03-05"},
      {{"date", " 2024-03-05 "}, "2024-03-05"},
      {{"expiry_date", "5 March 2024"}, "2024-03-05"},
      {{"validity_period", "5年"}, "P5Y"},
      {{"validity_period", "P5Y"}, "P5Y"},
      {{"validity_period", "六个月"}, "P6M"},
      {{"classification_period", "长期"}, "permanent"},
      {{"classification_period", "permanent"}, "permanent"},
      {{"issuer", "云海市 數據局"}, "云海市数据局"},
      {{"classification", "机密"}, "机密"},
      {{"version", "Ｖ2.0"}, "v2.0"}};
  for (const auto& [given, expected] : values) {
    ASSERT_OK_AND_ASSIGN(const std::string normalized,
                         NormalizeFieldValue(given.first, given.second, *folder_));
    EXPECT_EQ(normalized, expected) << given.first << " " << given.second;
    // What is stored may be asked for as well.
    ASSERT_OK_AND_ASSIGN(const std::string again,
                         NormalizeFieldValue(given.first, normalized, *folder_));
    EXPECT_EQ(again, expected);
  }
}

TEST_F(DocumentFieldsTest, EveryFieldFoundIsFoundByWhatIsShown) {
  const std::vector<std::vector<std::string>> documents = {
      {"云海市数据局文件", "云数发〔2025〕27号", "关于印发数据分级办法的通知", "各区人民政府：",
       "本办法自2025年10月1日起施行，有效期五年。", "云海市数据局", "2025年9月8日"},
      {"文件编号：QX-AQ-2024-08", "版本：V3.2", "密级：内部", "有效期：3年",
       "合同编号：HT（2024）08"}};
  size_t fields = 0;
  for (const std::vector<std::string>& lines : documents) {
    for (const DocumentField& field : Fields(lines)) {
      ASSERT_OK_AND_ASSIGN(const std::string normalized,
                           NormalizeFieldValue(field.name, field.value, *folder_));
      EXPECT_EQ(normalized, field.normalized) << field.name << " " << field.value;
      ++fields;
    }
  }
  EXPECT_GE(fields, 10u);
}

TEST_F(DocumentFieldsTest, WhatIsNoValueOfAFieldIsAnError) {
  EXPECT_STATUS(NormalizeFieldValue("colour", "red", *folder_), kInvalidArgument,
                "document_number");
  EXPECT_STATUS(NormalizeFieldValue("date", "soon", *folder_), kInvalidArgument, "2024-03-05");
  EXPECT_STATUS(NormalizeFieldValue("date", "2024-02-30", *folder_), kInvalidArgument, "a date");
  EXPECT_STATUS(NormalizeFieldValue("validity_period", "a while", *folder_), kInvalidArgument,
                "P5Y");
  EXPECT_STATUS(NormalizeFieldValue("issuer", "  ", *folder_), kInvalidArgument, "issuer");
}

}  // namespace
}  // namespace hadal::retrieval
