#include "services/retrieval/ingest.h"

#include <map>

#include "retrieval/chunk/estimated_tokens.h"
#include "services/retrieval/upload_queue.h"
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
    ASSERT_OK_AND_ASSIGN(text_folder_, retrieval::TextFolder::Create());
  }

  StatusOr<v1::AddDocumentResponse> Add(const Ingest& ingest, const v1::DocumentHeader& header,
                                        const std::string& content) {
    IngestOutcome outcome = ingest.Add(*store_, tokens_, header, content);
    again_ = outcome.again;
    return outcome.response;
  }
  retrieval::DocumentInfo Info(const std::string& id) {
    const auto info = store_->GetDocument("kb", id, retrieval::Everything());
    EXPECT_OK(info);
    return info.ok() ? *info : retrieval::DocumentInfo();
  }

  std::shared_ptr<const retrieval::TextFolder> text_folder_;
  retrieval::EstimatedTokens tokens_;
  std::optional<retrieval::UploadTask> again_;  // of the last Add()

  Ingest MakeIngest(int64_t max_bytes = 1000, int64_t max_chunks = 100) {
    IngestOptions options;
    options.max_document_bytes = max_bytes;
    options.max_chunks_per_document = max_chunks;
    return Ingest(options, std::make_shared<FakeParser>(), text_folder_);
  }
};

TEST_F(IngestTest, AFileBecomesADocument) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK_AND_ASSIGN(const v1::AddDocumentResponse added,
                       Add(ingest, Header("docs/a.txt"), "变压器的检修周期为六年。\n"));
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

  ASSERT_OK_AND_ASSIGN(const v1::AddDocumentResponse again,
                       Add(ingest, Header("docs/a.txt"), "变压器的检修周期为六年。\n"));
  EXPECT_TRUE(again.unchanged());
}

TEST_F(IngestTest, TheTitleComesFromTheHeaderThenTheDocumentThenTheName) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK(Add(ingest, Header("titled.txt"), "text"));
  ASSERT_OK_AND_ASSIGN(retrieval::DocumentInfo info,
                       store_->GetDocument("kb", "titled.txt", retrieval::Everything()));
  EXPECT_EQ(info.title, "A title");
  v1::DocumentHeader header = Header("titled.txt");
  header.set_title("Given");
  header.set_document_id("own-id");
  ASSERT_OK(Add(ingest, header, "text"));
  ASSERT_OK_AND_ASSIGN(info, store_->GetDocument("kb", "own-id", retrieval::Everything()));
  EXPECT_EQ(info.title, "Given");
}

TEST_F(IngestTest, ARefusedFileIsAnAnswerAndIsListedWithItsReason) {
  const Ingest ingest = MakeIngest(/*max_bytes=*/20, /*max_chunks=*/0);
  const auto refused = [&](const std::string& content) {
    const auto response = Add(ingest, Header("a.txt"), content);
    EXPECT_OK(response);
    EXPECT_FALSE(response->accepted());
    EXPECT_FALSE(response->reason().empty());
    EXPECT_EQ(response->document_id(), "a.txt");
    EXPECT_EQ(response->state(), v1::DOCUMENT_STATE_FAILED);
    return response->reason_code();
  };
  EXPECT_EQ(refused(std::string(21, 'x')), "too_large");
  EXPECT_STATUS(store_->GetDocument("kb", "a.txt", retrieval::Everything()), kNotFound, "a.txt");
  for (const auto& [content, code] :
       std::map<std::string, std::string>{{"!reject", "password_protected"},
                                          {"\n\n", "no_text"},
                                          {"too many chunks", "too_large"}}) {
    EXPECT_EQ(refused(content), code);
    EXPECT_FALSE(again_.has_value());
    EXPECT_EQ(Info("a.txt").state, retrieval::DocumentState::kFailed);
    EXPECT_EQ(Info("a.txt").upload->reason_code, code);
  }
  EXPECT_EQ(store_->ListBases().front().documents, 0);
  EXPECT_OK(store_->DeleteDocument("kb", "a.txt", retrieval::Everything()));
}

TEST_F(IngestTest, AParserThatCannotRunIsAnErrorAndTheFileWaits) {
  EXPECT_STATUS(Add(MakeIngest(), Header("a.txt"), "!broken"), kUnavailable, "process");
  ASSERT_TRUE(again_.has_value());
  EXPECT_EQ(Info("a.txt").state, retrieval::DocumentState::kReceived);
  EXPECT_EQ(Info("a.txt").upload->attempts, 0);  // not the file's fault
}

TEST_F(IngestTest, ACrashIsTriedAgainAndThenGivenUp) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK_AND_ASSIGN(v1::AddDocumentResponse response, Add(ingest, Header("a.txt"), "!crash"));
  EXPECT_EQ(response.reason_code(), "parser_crashed");
  int attempts = 1;
  while (again_) {
    EXPECT_EQ(Info("a.txt").upload->attempts, attempts);
    const IngestOutcome outcome = ingest.Resume(*store_, tokens_, *again_);
    again_ = outcome.again;
    if (outcome.response.ok()) ++attempts;
    ASSERT_LT(attempts, 10);
  }
  EXPECT_EQ(attempts, options_.max_attempts);
  EXPECT_EQ(Info("a.txt").state, retrieval::DocumentState::kFailed);
  EXPECT_EQ(Info("a.txt").upload->reason_code, "parser_crashed");
}

TEST_F(IngestTest, AFailingEmbedderLosesNoFile) {
  const Ingest ingest = MakeIngest();
  embedder_->set_failing(true);
  EXPECT_STATUS(Add(ingest, Header("a.txt"), "检修周期"), kUnavailable, "fail");
  ASSERT_TRUE(again_.has_value());
  Reopen();
  embedder_->set_failing(false);
  ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
  ASSERT_EQ(waiting.size(), 1u);
  const IngestOutcome outcome = ingest.Resume(*store_, tokens_, waiting.front());
  ASSERT_OK(outcome.response);
  EXPECT_TRUE(outcome.response->accepted());
  EXPECT_FALSE(outcome.again.has_value());
  EXPECT_THAT(Texts("检修周期", retrieval::Everything()), ::testing::ElementsAre("检修周期"));
  EXPECT_EQ(Info("a.txt").attempts, 1);
}

TEST_F(IngestTest, WhatWasDeletedMeanwhileIsNotResumed) {
  const Ingest ingest = MakeIngest();
  EXPECT_STATUS(Add(ingest, Header("a.txt"), "!broken"), kUnavailable, "process");
  ASSERT_OK(store_->DeleteDocument("kb", "a.txt", retrieval::Everything()));
  const IngestOutcome outcome = ingest.Resume(*store_, tokens_, *again_);
  EXPECT_STATUS(outcome.response, kCancelled, "deleted");
  EXPECT_FALSE(outcome.again.has_value());
}

TEST_F(IngestTest, AnotherLabelAloneIsNotReadAgain) {
  const Ingest ingest = MakeIngest();
  ASSERT_OK(Add(ingest, Header("a.txt"), "检修周期"));
  const int64_t embedded = embedder_->passages();
  v1::DocumentHeader header = Header("a.txt");
  header.mutable_label()->set_classification(v1::CLASSIFICATION_SECRET);
  ASSERT_OK_AND_ASSIGN(const auto response, Add(ingest, header, "检修周期"));
  EXPECT_TRUE(response.relabelled());
  EXPECT_EQ(response.version(), 1);
  EXPECT_EQ(embedder_->passages(), embedded);
  EXPECT_THAT(Texts("检修周期", retrieval::PublicOnly()), ::testing::IsEmpty());
}

TEST_F(IngestTest, TheQueueReadsWhatWaits) {
  const auto ingest = std::make_shared<const Ingest>(MakeIngest());
  embedder_->set_failing(true);
  for (const char* name : {"a.txt", "b.txt"}) {
    EXPECT_STATUS(Add(*ingest, Header(name), std::string("内容") + name), kUnavailable, "fail");
  }
  embedder_->set_failing(false);
  UploadQueue queue(ingest);
  const std::shared_ptr<retrieval::KnowledgeStore> store = std::move(store_);
  queue.Start(store, std::make_shared<retrieval::EstimatedTokens>());
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (store->ListBases().front().documents < 2 && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  EXPECT_EQ(store->ListBases().front().documents, 2);
  queue.Stop();
  ASSERT_OK_AND_ASSIGN(const auto waiting, store->WaitingUploads());
  EXPECT_TRUE(waiting.empty());
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
