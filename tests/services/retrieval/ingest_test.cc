#include "services/retrieval/ingest.h"

#include "retrieval/chunk/estimated_tokens.h"
#include "tests/retrieval/support/store_fixture.h"
#include "tests/services/retrieval/fake_parser.h"

namespace hadal::retrieval_service {
namespace {

v1::DocumentHeader Header(const std::string& file_name) {
  v1::DocumentHeader header;
  header.set_knowledge_base("kb");
  header.set_file_name(file_name);
  header.mutable_label()->set_classification(v1::CLASSIFICATION_PUBLIC);
  return header;
}

class IngestTest : public retrieval::StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ASSERT_OK_AND_ASSIGN(folder_, retrieval::TextFolder::Create());
  }

  std::shared_ptr<const retrieval::TextFolder> folder_;
  retrieval::EstimatedTokens tokens_;
  Ingest MakeIngest(int64_t max_bytes = 1000, int64_t max_chunks = 100) {
    IngestOptions options;
    options.max_document_bytes = max_bytes;
    options.max_chunks_per_document = max_chunks;
    return Ingest(options, std::make_shared<FakeParser>(), folder_);
  }
};

TEST_F(IngestTest, AFileBecomesADocument) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK_AND_ASSIGN(
      const v1::AddDocumentResponse added,
      ingest.Add(*store_, tokens_, Header("docs/a.txt"), "变压器的检修周期为六年。\n"));
  EXPECT_TRUE(added.accepted());
  EXPECT_EQ(added.document_id(), "docs/a.txt");
  EXPECT_EQ(added.version(), 1);
  EXPECT_EQ(added.chunks(), 1);
  ASSERT_EQ(added.warnings_size(), 1);
  ASSERT_OK_AND_ASSIGN(const retrieval::DocumentInfo info,
                       store_->GetDocument("kb", "docs/a.txt", retrieval::Everything()));
  EXPECT_EQ(info.title, "a.txt");
  EXPECT_EQ(info.file_name, "a.txt");
  EXPECT_EQ(info.characters, 13);
  EXPECT_EQ(info.size_bytes, 37);
  EXPECT_EQ(info.sha256.size(), 64u);

  ASSERT_OK_AND_ASSIGN(
      const v1::AddDocumentResponse again,
      ingest.Add(*store_, tokens_, Header("docs/a.txt"), "变压器的检修周期为六年。\n"));
  EXPECT_TRUE(again.unchanged());
}

TEST_F(IngestTest, TheTitleComesFromTheHeaderThenTheDocumentThenTheName) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK(ingest.Add(*store_, tokens_, Header("titled.txt"), "text"));
  ASSERT_OK_AND_ASSIGN(retrieval::DocumentInfo info,
                       store_->GetDocument("kb", "titled.txt", retrieval::Everything()));
  EXPECT_EQ(info.title, "A title");
  v1::DocumentHeader header = Header("titled.txt");
  header.set_title("Given");
  header.set_document_id("own-id");
  ASSERT_OK(ingest.Add(*store_, tokens_, header, "text"));
  ASSERT_OK_AND_ASSIGN(info, store_->GetDocument("kb", "own-id", retrieval::Everything()));
  EXPECT_EQ(info.title, "Given");
}

TEST_F(IngestTest, ARefusedFileIsAnAnswerAndLeavesNothing) {
  const Ingest ingest = MakeIngest(/*max_bytes=*/20, /*max_chunks=*/0);
  const auto refused = [&](const std::string& content) {
    const auto response = ingest.Add(*store_, tokens_, Header("a.txt"), content);
    EXPECT_OK(response);
    EXPECT_FALSE(response->accepted());
    EXPECT_FALSE(response->reason().empty());
    EXPECT_EQ(response->document_id(), "a.txt");
    return response->reason_code();
  };
  EXPECT_EQ(refused("!reject"), "password_protected");
  EXPECT_EQ(refused("\n\n"), "no_text");
  EXPECT_EQ(refused(std::string(21, 'x')), "too_large");
  EXPECT_EQ(refused("too many chunks"), "too_large");
  EXPECT_EQ(store_->ListBases().front().documents, 0);
}

TEST_F(IngestTest, AParserThatCannotRunIsAnError) {
  EXPECT_STATUS(MakeIngest().Add(*store_, tokens_, Header("a.txt"), "!broken"), kUnavailable,
                "process");
}

TEST_F(IngestTest, ALabelIsNeverGuessed) {
  const Ingest ingest = MakeIngest();
  v1::DocumentHeader header = Header("a.txt");
  header.mutable_label()->set_classification(v1::CLASSIFICATION_UNSPECIFIED);
  EXPECT_STATUS(ingest.CheckHeader(header), kInvalidArgument, "classification");
  header.mutable_label()->set_classification(static_cast<v1::Classification>(9));
  EXPECT_STATUS(ingest.CheckHeader(header), kInvalidArgument, "classification");
  header = Header("a.txt");
  header.mutable_label()->add_groups("");
  EXPECT_STATUS(ingest.CheckHeader(header), kInvalidArgument, "groups");
  header = Header("");
  EXPECT_STATUS(ingest.CheckHeader(header), kInvalidArgument, "document_id");
  header = Header("a.txt");
  header.set_title(std::string(1025, 'x'));
  EXPECT_STATUS(ingest.CheckHeader(header), kInvalidArgument, "title");
}

TEST(UploadBudgetTest, GivesBackWhatGoes) {
  UploadBudget budget(100);
  UploadBudget::Share first(budget);
  EXPECT_OK(first.Grow(60));
  {
    UploadBudget::Share second(budget);
    EXPECT_OK(second.Grow(40));
    EXPECT_STATUS(second.Grow(1), kResourceExhausted, "try again");
    EXPECT_STATUS(first.Grow(1), kResourceExhausted, "try again");
  }
  EXPECT_OK(first.Grow(40));
}

}  // namespace
}  // namespace hadal::retrieval_service
