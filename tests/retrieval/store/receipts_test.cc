// Deletions that can be checked: in the database, in its files, with the text itself.

#include <filesystem>

#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ReceiptsTest : public StoreFixture {
 protected:
  DeletionReceipt Delete(const std::string& id) {
    const auto receipt = store_->DeleteDocument("kb", id, Everything());
    EXPECT_OK(receipt);
    return receipt.ok() ? *receipt : DeletionReceipt();
  }
  DeletionCheck Verify(const DeletionReceipt& receipt, const std::string& text = "") {
    const auto check = store_->VerifyDeleted(receipt.sequence, text);
    EXPECT_OK(check);
    return check.ok() ? *check : DeletionCheck();
  }
};

TEST_F(ReceiptsTest, WhatIsDeletedIsGoneAtItsGeneration) {
  const std::string secret = "机密的数字四十二";
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d1", {secret, "第二段"})));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d2", {"留下的文字"})));
  const DeletionReceipt receipt = Delete("d1");
  EXPECT_THAT(receipt.versions, ElementsAre(1));
  EXPECT_EQ(receipt.chunks, 2);
  EXPECT_EQ(receipt.gone_at_generation, 1u);
  // Deleted, yet in the log: the check must be able to fail.
  DeletionCheck check = Verify(receipt);
  EXPECT_FALSE(check.gone);
  EXPECT_THAT(check.remains, Not(IsEmpty()));
  EXPECT_LT(check.generation, receipt.gone_at_generation);

  ASSERT_OK_AND_ASSIGN(const uint64_t generation, store_->Purge());
  EXPECT_EQ(generation, receipt.gone_at_generation);
  for (int round = 0; round < 2; ++round) {
    check = Verify(receipt, secret);
    EXPECT_TRUE(check.gone) << ::testing::PrintToString(check.remains);
    EXPECT_EQ(check.generation, generation);
    EXPECT_FALSE(Verify(receipt, "留下的文字").gone);
    EXPECT_THAT(Texts("文字", Everything()), ElementsAre("留下的文字"));
    Reopen();
  }
  // The text of a deleted document in another one is found by whoever asks for it.
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d1", {secret})));
  EXPECT_FALSE(Verify(receipt, secret).gone);
  EXPECT_TRUE(Verify(receipt).gone) << ::testing::PrintToString(Verify(receipt).remains);
  ASSERT_OK(store_->Purge());
  EXPECT_TRUE(Verify(receipt).gone);
}

TEST_F(ReceiptsTest, AlsoWhatWasInTablesForLong) {
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(store_->AddDocument(
        "kb", MakeDocument("d" + std::to_string(i), {"文字" + std::to_string(i), "乙"})));
    if (i % 10 == 9) Reopen();  // into table files
  }
  std::vector<DeletionReceipt> receipts;
  for (const int i : {3, 17, 39}) receipts.push_back(Delete("d" + std::to_string(i)));
  for (const DeletionReceipt& receipt : receipts) EXPECT_FALSE(Verify(receipt).gone);
  ASSERT_OK(store_->Purge());
  for (const DeletionReceipt& receipt : receipts) {
    EXPECT_TRUE(Verify(receipt).gone) << ::testing::PrintToString(Verify(receipt).remains);
  }
  EXPECT_EQ(store_->ListBases().front().documents, 37);
  // Later deletions are of a later generation.
  const DeletionReceipt later = Delete("d5");
  EXPECT_EQ(later.gone_at_generation, 2u);
  EXPECT_FALSE(Verify(later).gone);
  EXPECT_TRUE(Verify(receipts.front()).gone);
}

TEST_F(ReceiptsTest, AFileAndAllVersionsGoToo) {
  ASSERT_OK(store_->SetKeepVersions("kb", 5));
  const std::string content = "文件的全部字节";
  ReceivedFile file;
  file.document_id = "d";
  file.file_name = "d.txt";
  file.label = {Classification::kPublic, {}, {}};
  file.sha256 = std::string(64, 'a');
  file.size_bytes = static_cast<int64_t>(content.size());
  ASSERT_OK_AND_ASSIGN(const ReceiveResult received, store_->Receive("kb", file, content, ""));
  NewDocument document = MakeDocument("d", {"第一版"});
  document.sha256 = file.sha256;
  document.upload = received.upload;
  ASSERT_OK(store_->AddDocument("kb", document));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"第二版"})));
  const DeletionReceipt receipt = Delete("d");
  EXPECT_THAT(receipt.versions, ElementsAre(2, 1));
  EXPECT_THAT(receipt.file_sha256, ElementsAre(file.sha256));
  EXPECT_FALSE(Verify(receipt, content).gone);
  ASSERT_OK(store_->Purge());
  for (const std::string& text : {content, std::string("第一版"), std::string("第二版")}) {
    EXPECT_TRUE(Verify(receipt, text).gone) << text;
  }
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt found, store_->FindReceipt(receipt.sequence));
  EXPECT_EQ(found.document_id, "d");
  EXPECT_EQ(found.versions, receipt.versions);
}

TEST_F(ReceiptsTest, ABaseGoesWhole) {
  ASSERT_OK(store_->CreateBase("other", ""));
  ASSERT_OK(store_->AddDocument("other", MakeDocument("d", {"另一库的文字"})));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"本库的文字"})));
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt receipt, store_->DeleteBase("other"));
  EXPECT_EQ(receipt.documents, 1);
  EXPECT_EQ(receipt.chunks, 1);
  EXPECT_FALSE(Verify(receipt).gone);
  ASSERT_OK(store_->Purge());
  ASSERT_OK(store_->CreateBase("other", "again"));
  EXPECT_TRUE(Verify(receipt, "另一库的文字").gone);
  EXPECT_THAT(Texts("文字", Everything()), ElementsAre("本库的文字"));
}

TEST_F(ReceiptsTest, AReceiptThatWasNeverGivenIsUnknown) {
  EXPECT_STATUS(store_->VerifyDeleted(12345, ""), kNotFound, "12345");
}

TEST_F(ReceiptsTest, ASnapshotIsAStoreOfItsOwn) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"当时的文字"})));
  const std::string folder = folder_->path() + "/snapshot";
  ASSERT_OK(store_->Snapshot(folder));
  EXPECT_FALSE(store_->Snapshot(folder).ok());  // it exists
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"后来的文字"})));
  ASSERT_OK(store_->DeleteDocument("kb", "d", Everything()));
  ASSERT_OK(store_->Purge());
  KnowledgeStoreOptions options = options_;
  options.path = folder;
  ASSERT_OK_AND_ASSIGN(const auto copy, KnowledgeStore::Open(options, embedder_, clock_));
  ASSERT_OK_AND_ASSIGN(const SearchResult result, copy->Search("kb", "文字", 5, Everything()));
  ASSERT_THAT(result.hits, SizeIs(1));
  EXPECT_EQ(result.hits.front().chunk.text, "当时的文字");
  EXPECT_THAT(Texts("文字", Everything()), IsEmpty());
}

}  // namespace
}  // namespace hadal::retrieval
