#include "ops/eval/labelled_set.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::eval {
namespace {

using ::testing::HasSubstr;

class LabelledSetTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create("labelled")); }
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = folder_->path() + "/" + name;
    EXPECT_TRUE(WriteFileAtomic(path, content).ok());
    return path;
  }
  std::unique_ptr<TempDir> folder_;
};

TEST_F(LabelledSetTest, ReadsQuestionsNamesAndRights) {
  Write("manifest.jsonl", R"({"id": "D-1", "file": "energy/rules.docx", "title": "Rules"})");
  Write("access.jsonl", R"({"principal": "anna", "documents": ["rules.docx"]})"
                        "\n");
  const std::string path = Write(
      "questions.jsonl",
      R"({"id": "Q1", "question": "多久？", "kind": "table", "principal": "anna", "documents": ["D-1"],)"
      R"( "support": [{"document": "D-1", "text": "A | 1", "cells": ["A", "1"]}],)"
      R"( "answer_keywords": [["1年", "一年"]], "answer": "1年"})"
      "\n\n"
      R"({"id": "Q2", "question": "Who?", "kind": "unanswerable"})");
  ASSERT_OK_AND_ASSIGN(const LabelledSet set, ReadLabelledSet(path));
  ASSERT_EQ(set.questions.size(), 2u);
  EXPECT_EQ(set.questions[0].support[0].cells, (std::vector<std::string>{"A", "1"}));
  EXPECT_EQ(set.questions[0].answer_keywords, (Keywords{{"1年", "一年"}}));
  EXPECT_TRUE(set.questions[0].answerable());
  EXPECT_FALSE(set.questions[1].answerable());
  EXPECT_EQ(set.IdOf("energy/rules.docx"), "D-1");
  EXPECT_EQ(set.IdOf("rules.docx"), "D-1");
  EXPECT_EQ(set.IdOf("else"), "else");
  EXPECT_TRUE(set.access.at("anna").contains("D-1"));
}

TEST_F(LabelledSetTest, SaysWhichLineIsWrong) {
  const auto problem = [&](const std::string& content) {
    return StatusMessage(ReadLabelledSet(Write("q.jsonl", content)).status());
  };
  const std::string good = R"({"id": "1", "question": "a?", "documents": ["d"]})"
                           "\n";
  EXPECT_THAT(problem(good + "{"), HasSubstr("q.jsonl, line 2"));
  EXPECT_THAT(problem(good + "[]"), HasSubstr("line 2"));
  EXPECT_THAT(problem(good + R"({"question": "a?"})"), HasSubstr("\"id\""));
  EXPECT_THAT(problem(good + R"({"id": "2", "question": 7})"), HasSubstr("\"question\""));
  EXPECT_THAT(problem(R"({"id": "2", "question": "a?"})"), HasSubstr("\"documents\""));
  EXPECT_THAT(problem(R"({"id": "2", "question": "a?", "support": [{"document": "d"}]})"),
              HasSubstr("\"support\""));
  EXPECT_THAT(problem(R"({"id": "2", "question": "a?", "documents": ["d"], )"
                      R"("answer_keywords": ["a"]})"),
              HasSubstr("keywords"));
  EXPECT_THAT(problem("\n"), HasSubstr("no question"));
  EXPECT_EQ(ReadLabelledSet(folder_->path() + "/none.jsonl").status().code(),
            StatusCode::kNotFound);
}

}  // namespace
}  // namespace hadal::eval
