#include "retrieval/clean/document_number.h"

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;

class DocumentNumberTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TextFolder::Create()); }

  std::vector<std::string> Found(std::string_view text) {
    std::vector<std::string> numbers;
    for (const FoundDocumentNumber& found : FindDocumentNumbers(*folder_, text)) {
      numbers.push_back(found.normalized);
    }
    return numbers;
  }

  std::unique_ptr<TextFolder> folder_;
};

TEST_F(DocumentNumberTest, EveryWayToWriteItIsOne) {
  for (const char* text : {"青岚发〔2025〕27号", "青岚发[2025]27号", "青岚发【2025】27号",
                           "青岚发（2025）27号", "青岚发(2025)27号", "青岚发［２０２５］２７号",
                           "青嵐發〔2025〕27號", "青岚发 〔2025〕 27 号", "青岚发〔2025〕第27号",
                           "青岚发〔2025〕027号", " 青岚发〔二〇二五〕27号 ", "青岚发﹝2025﹞27号",
                           "青岚发「2025」27号", "青岚发〔2025]27号", "青 岚 发〔2025〕27号"}) {
    EXPECT_EQ(NormalizeDocumentNumber(*folder_, text), "青岚发[2025]27号") << text;
  }
  EXPECT_EQ(NormalizeDocumentNumber(*folder_, "QL办〔2025〕0号"), "ql办[2025]0号");
}

TEST_F(DocumentNumberTest, WhatIsNone) {
  for (const char* text :
       {"", "号", "〔2025〕27号", "青岚发2025年27号", "青岚发〔25〕27号", "青岚发〔2025〕27",
        "青岚发〔2025〕号", "青岚发〔2025〕271234号", "青岚发〔1024〕27号", "abc[2025]27号",
        "《青岚发〔2025〕27号", "青岚发〔2025〕27号文件"}) {
    EXPECT_EQ(NormalizeDocumentNumber(*folder_, text), std::nullopt) << text;
  }
}

TEST_F(DocumentNumberTest, StandsInRunningText) {
  EXPECT_THAT(Found("根据青岚发（2025）27号和《通知》（青岚办函[2024]3号）的要求"),
              ElementsAre("青岚发[2025]27号", "青岚办函[2024]3号"));
  EXPECT_THAT(Found("青岚发【2025】27號是什么時候印發的？"), ElementsAre("青岚发[2025]27号"));
  EXPECT_THAT(Found("第27号 [2025] 没有"), ElementsAre());
  const std::string text = "请见青嵐發（2025）27號。";
  const std::vector<FoundDocumentNumber> found = FindDocumentNumbers(*folder_, text);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(NamesDocumentNumber(found[0].normalized, "青岚发[2025]27号"));
  EXPECT_FALSE(NamesDocumentNumber(found[0].normalized, "青岚发[2025]7号"));
  EXPECT_FALSE(NamesDocumentNumber(found[0].normalized, ""));
}

TEST_F(DocumentNumberTest, IsFoundWhereItStands) {
  const std::string text = "（一）按青嵐發（2025）27號办理，不按青岚发〔2025〕127号。";
  EXPECT_THAT(FindDocumentNumber(*folder_, "青岚发[2025]27号", text), ElementsAre(TextSpan{4, 16}));
  EXPECT_THAT(FindDocumentNumber(*folder_, "[2025]27号", text), ElementsAre());
  EXPECT_THAT(FindDocumentNumber(*folder_, "", text), ElementsAre());
}

TEST_F(DocumentNumberTest, OtherNumbers) {
  EXPECT_EQ(NormalizeIdentifier(*folder_, "QL－HT（2025） 第 008 号"), "ql-ht[2025]第008号");
  EXPECT_EQ(NormalizeIdentifier(*folder_, "QL-HT[2025]第008號"), "ql-ht[2025]第008号");
}

}  // namespace
}  // namespace hadal::retrieval
