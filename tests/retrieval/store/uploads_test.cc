// Files that are received, wait, are read, or are given up.

#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = AttemptFailure::Kind;

constexpr char kSettings[] = "parser 1";

/// A digest of the right form that is the content's own.
std::string Digest(const std::string& content) {
  std::string digest(64, '0');
  uint64_t hash = 14695981039346656037u;
  for (const char c : content) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
  for (int i = 0; i < 16; ++i, hash >>= 4) digest[63 - i] = "0123456789abcdef"[hash & 15];
  return digest;
}

class UploadsTest : public StoreFixture {
 protected:
  static ReceivedFile File(const std::string& id, const std::string& content,
                           Label label = {Classification::kPublic, {}, {}}) {
    ReceivedFile file;
    file.document_id = id;
    file.file_name = id + ".txt";
    file.label = std::move(label);
    file.sha256 = Digest(content);
    file.size_bytes = static_cast<int64_t>(content.size());
    return file;
  }

  uint64_t Receive(const std::string& id, const std::string& content) {
    const auto received = store_->Receive("kb", File(id, content), content, kSettings);
    EXPECT_OK(received);
    return received.ok() ? received->upload : 0;
  }

  /// What reading the file gives.
  static NewDocument Reading(const std::string& id, const std::string& content, uint64_t upload) {
    NewDocument document = MakeDocument(id, {content.substr(0, 40)});
    document.sha256 = Digest(content);
    document.settings = kSettings;
    document.upload = upload;
    return document;
  }

  int64_t Count(Table table, const std::string& prefix) {
    store_.reset();
    int64_t count = 0;
    {
      const auto database = Database::Open({options_.path, 0});
      EXPECT_OK(database);
      EXPECT_OK((*database)->Scan(table, prefix, prefix,
                                  [&count](std::string_view, std::string_view) -> StatusOr<bool> {
                                    ++count;
                                    return true;
                                  }));
    }
    Reopen();
    return count;
  }

  DocumentInfo Info(const std::string& id) {
    const auto info = store_->GetDocument("kb", id, Everything());
    EXPECT_OK(info);
    return info.ok() ? *info : DocumentInfo();
  }
};

TEST_F(UploadsTest, AReceivedFileWaitsAcrossARestartAndBecomesAVersion) {
  const std::string content(3'500'000, 'x');  // four pieces
  const uint64_t upload = Receive("d", content);
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
    ASSERT_THAT(waiting, SizeIs(1));
    EXPECT_EQ(waiting.front().base, "kb");
    EXPECT_EQ(waiting.front().upload.number, upload);
    EXPECT_EQ(waiting.front().upload.file.file_name, "d.txt");
    EXPECT_EQ(Info("d").state, DocumentState::kReceived);
    EXPECT_EQ(Info("d").version, 0);
    ASSERT_OK_AND_ASSIGN(const std::string kept, store_->ReadFile("kb", Digest(content)));
    EXPECT_TRUE(kept == content);
    EXPECT_THAT(Texts("x", Everything()), IsEmpty());
    Reopen();
  }
  ASSERT_OK_AND_ASSIGN(const bool begun, store_->BeginAttempt("kb", "d", upload));
  EXPECT_TRUE(begun);
  store_->SetProgress(upload, DocumentState::kParsed);
  EXPECT_EQ(Info("d").state, DocumentState::kParsed);
  ASSERT_OK(store_->AddDocument("kb", Reading("d", content, upload)));
  EXPECT_EQ(Info("d").state, DocumentState::kVisible);
  EXPECT_TRUE(Info("d").has_file);
  EXPECT_FALSE(Info("d").upload.has_value());
  ASSERT_OK_AND_ASSIGN(const auto none, store_->WaitingUploads());
  EXPECT_THAT(none, IsEmpty());
  // The same file again: nothing to do.
  ASSERT_OK_AND_ASSIGN(const auto again,
                       store_->Receive("kb", File("d", content), content, kSettings));
  EXPECT_EQ(again.upload, 0u);
  ASSERT_TRUE(again.current.has_value());
  EXPECT_TRUE(again.current->unchanged);
  // With other settings: to be read again, and the same reading is the same version.
  ASSERT_OK_AND_ASSIGN(const auto other, store_->Receive("kb", File("d", content), content, "p2"));
  EXPECT_NE(other.upload, 0u);
  NewDocument reading = Reading("d", content, other.upload);
  reading.settings = "p2";
  ASSERT_OK_AND_ASSIGN(const AddResult result, store_->AddDocument("kb", reading));
  EXPECT_EQ(result.version, 1);
  EXPECT_EQ(Info("d").settings, "p2");
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 4);
}

TEST_F(UploadsTest, BytesAreKeptOnceForAsLongAsAnyoneNamesThem) {
  const std::string content = "文件的内容";
  for (const char* id : {"a", "b", "c"}) {
    const uint64_t upload = Receive(id, content);
    if (*id != 'c') {
      ASSERT_OK(store_->AddDocument("kb", Reading(id, content, upload)));
    }
  }
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 1);
  ASSERT_OK_AND_ASSIGN(DeletionReceipt receipt, store_->DeleteDocument("kb", "a", Everything()));
  EXPECT_THAT(receipt.file_sha256, IsEmpty());
  ASSERT_OK_AND_ASSIGN(receipt, store_->DeleteDocument("kb", "c", Everything()));
  EXPECT_THAT(receipt.file_sha256, IsEmpty());
  EXPECT_OK(store_->ReadFile("kb", Digest(content)));
  ASSERT_OK_AND_ASSIGN(receipt, store_->DeleteDocument("kb", "b", Everything()));
  EXPECT_THAT(receipt.file_sha256, ElementsAre(Digest(content)));
  EXPECT_STATUS(store_->ReadFile("kb", Digest(content)), kNotFound, "keeps no file");
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kFiles, FileUsersPrefix(0)), 0);
}

TEST_F(UploadsTest, AVersionTakesItsFileWithIt) {
  for (const std::string content : {"第一版", "第二版"}) {
    ASSERT_OK(store_->AddDocument("kb", Reading("d", content, Receive("d", content))));
  }
  EXPECT_STATUS(store_->ReadFile("kb", Digest("第一版")), kNotFound, "no file");
  EXPECT_OK(store_->ReadFile("kb", Digest("第二版")));
  ASSERT_OK(store_->SetKeepVersions("kb", 1));
  ASSERT_OK(store_->AddDocument("kb", Reading("d", "第三版", Receive("d", "第三版"))));
  EXPECT_OK(store_->ReadFile("kb", Digest("第二版")));
}

TEST_F(UploadsTest, ANewerUploadReplacesTheOneThatWaits) {
  const uint64_t first = Receive("d", "旧的");
  const uint64_t second = Receive("d", "新的");
  ASSERT_OK_AND_ASSIGN(const bool begun, store_->BeginAttempt("kb", "d", first));
  EXPECT_FALSE(begun);
  EXPECT_STATUS(store_->AddDocument("kb", Reading("d", "旧的", first)), kCancelled, "replaced");
  ASSERT_OK(store_->AddDocument("kb", Reading("d", "新的", second)));
  EXPECT_EQ(Info("d").version, 1);
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 1);
}

TEST_F(UploadsTest, DeletedWhileItIsReadItStaysDeleted) {
  const uint64_t upload = Receive("d", "内容");
  ASSERT_OK(store_->DeleteDocument("kb", "d", Everything()));
  EXPECT_STATUS(store_->AddDocument("kb", Reading("d", "内容", upload)), kCancelled, "deleted");
  EXPECT_OK(store_->FailAttempt("kb", "d", upload, {Kind::kFailed, "timeout", "too slow"}));
  EXPECT_STATUS(store_->GetDocument("kb", "d", Everything()), kNotFound, "d");
}

TEST_F(UploadsTest, AttemptsAreCountedAcrossRestartsAndEnd) {
  options_.max_attempts = 2;
  Reopen();
  const uint64_t upload = Receive("d", "内容");
  for (int attempt = 0; attempt < 2; ++attempt) {
    ASSERT_OK_AND_ASSIGN(const bool begun, store_->BeginAttempt("kb", "d", upload));
    EXPECT_TRUE(begun);
    Reopen();  // as if the file had ended the process
  }
  ASSERT_OK_AND_ASSIGN(const bool begun, store_->BeginAttempt("kb", "d", upload));
  EXPECT_FALSE(begun);
  for (int round = 0; round < 2; ++round) {
    const DocumentInfo info = Info("d");
    EXPECT_EQ(info.state, DocumentState::kFailed);
    ASSERT_TRUE(info.upload.has_value());
    EXPECT_EQ(info.upload->reason_code, "interrupted");
    EXPECT_EQ(info.upload->attempts, 2);
    ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
    EXPECT_THAT(waiting, IsEmpty());
    Reopen();
  }
  // Asked for again, it gets its attempts anew.
  ASSERT_OK_AND_ASSIGN(const uint64_t again, store_->Reparse("kb", "d", Everything()));
  ASSERT_OK_AND_ASSIGN(const bool resumed, store_->BeginAttempt("kb", "d", again));
  EXPECT_TRUE(resumed);
}

TEST_F(UploadsTest, WhoFailsSaysWhyAndTheOldVersionGoesOn) {
  ASSERT_OK(store_->AddDocument("kb", Reading("d", "好的内容", Receive("d", "好的内容"))));
  uint64_t upload = Receive("d", "坏的内容");
  ASSERT_OK_AND_ASSIGN(bool begun, store_->BeginAttempt("kb", "d", upload));
  ASSERT_OK(store_->FailAttempt("kb", "d", upload, {Kind::kNotItsFault, "unavailable", "away"}));
  EXPECT_EQ(Info("d").upload->attempts, 0);
  EXPECT_EQ(Info("d").upload->state, DocumentState::kReceived);
  for (int attempt = 1; attempt <= options_.max_attempts; ++attempt) {
    ASSERT_OK_AND_ASSIGN(begun, store_->BeginAttempt("kb", "d", upload));
    EXPECT_TRUE(begun);
    EXPECT_EQ(Info("d").upload->state, DocumentState::kReceived);
    ASSERT_OK(store_->FailAttempt("kb", "d", upload, {Kind::kFailed, "timeout", "too slow"}));
  }
  const DocumentInfo info = Info("d");
  EXPECT_EQ(info.state, DocumentState::kVisible);
  EXPECT_EQ(info.version, 1);
  EXPECT_EQ(info.upload->state, DocumentState::kFailed);
  EXPECT_EQ(info.upload->reason_code, "timeout");
  EXPECT_THAT(Texts("内容", Everything()), ElementsAre("好的内容"));
  // The good file again: the failed upload is past.
  upload = Receive("d", "好的内容");
  EXPECT_EQ(upload, 0u);
  EXPECT_FALSE(Info("d").upload.has_value());
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 1);
}

TEST_F(UploadsTest, ReparseReadsTheFileOfTheVersion) {
  ASSERT_OK(store_->AddDocument("kb", Reading("d", "文件内容", Receive("d", "文件内容"))));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("without", {"没有文件"})));
  EXPECT_STATUS(store_->Reparse("kb", "without", Everything()), kFailedPrecondition, "not kept");
  EXPECT_STATUS(store_->Reparse("kb", "none", Everything()), kNotFound, "none");
  ASSERT_OK_AND_ASSIGN(const uint64_t upload, store_->Reparse("kb", "d", Everything()));
  EXPECT_THAT(Texts("文件内容", Everything()), SizeIs(2));  // found all the while
  NewDocument better = Reading("d", "文件内容", upload);
  better.chunks.push_back(better.chunks.front());
  ASSERT_OK_AND_ASSIGN(const AddResult result, store_->AddDocument("kb", better));
  EXPECT_EQ(result.version, 2);  // other chunks, another version: d#1.0 means one text for ever
  EXPECT_EQ(Info("d").num_chunks, 2);
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 1);
}

TEST_F(UploadsTest, AnUploadIsHiddenFromWhoMayNotReadIt) {
  const Label secret = {Classification::kSecret, {"alpha"}, {}};
  ASSERT_OK(store_->Receive("kb", File("hidden", "秘密", secret), "秘密", kSettings));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("open", {"公开"})));
  ASSERT_OK(store_->Receive("kb", File("open", "改为秘密", secret), "改为秘密", kSettings));
  Receive("waits", "等着");
  EXPECT_STATUS(store_->GetDocument("kb", "hidden", PublicOnly()), kNotFound, "hidden");
  EXPECT_STATUS(store_->DeleteDocument("kb", "hidden", PublicOnly()), kNotFound, "hidden");
  std::vector<std::string> ids;
  std::string token;
  do {
    ASSERT_OK_AND_ASSIGN(const DocumentPage page,
                         store_->ListDocuments("kb", PublicOnly(), 1, token));
    for (const DocumentInfo& info : page.documents) {
      ids.push_back(info.id);
      EXPECT_EQ(info.upload.has_value(), info.id == "waits");
    }
    token = page.next_page_token;
  } while (!token.empty());
  EXPECT_THAT(ids, ElementsAre("open", "waits"));
}

TEST_F(UploadsTest, WhatAnInterruptedUploadLeftGoesAtTheNextOpening) {
  store_.reset();
  {
    ASSERT_OK_AND_ASSIGN(const auto database, Database::Open({options_.path, 0}));
    Database::Batch batch;
    batch.Put(Table::kMeta, UnfinishedFileKey(0, Digest("x")), "");
    batch.Put(Table::kFiles, FilePieceKey(0, Digest("x"), 0), "x");
    batch.Put(Table::kMeta, ImportKey(7), "");
    batch.Put(Table::kChunks, ChunkKey(7, 0), "half");
    ASSERT_OK(database->Commit(batch));
  }
  Reopen();
  EXPECT_EQ(Count(Table::kFiles, FilesPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kMeta, UnfinishedFilesPrefix()), 0);
  EXPECT_EQ(Count(Table::kMeta, ImportPrefix()), 0);
  EXPECT_EQ(Count(Table::kChunks, ChunkPrefix(7)), 0);
}

TEST_F(UploadsTest, ACounterThatFitsNoRecordIsNoticed) {
  store_.reset();
  {
    ASSERT_OK_AND_ASSIGN(const auto database, Database::Open({options_.path, 0}));
    Database::Batch batch;
    batch.Put(Table::kFiles, FileUsersKey(0, Digest("x")), EncodeCounter(1));
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(KnowledgeStore::Open(options_, embedder_, clock_).status(), kDataLoss,
                "do not fit");
}

TEST_F(UploadsTest, WhatIsNoFileIsRefused) {
  ReceivedFile file = File("d", "abc");
  EXPECT_STATUS(store_->Receive("kb", file, "ab", kSettings), kInvalidArgument, "2 bytes");
  file.sha256 = "short";
  EXPECT_STATUS(store_->Receive("kb", file, "abc", kSettings), kInvalidArgument, "digest");
  file = File("d", "abc", {Classification::kNone, {}, {}});
  EXPECT_STATUS(store_->Receive("kb", file, "abc", kSettings), kInvalidArgument, "classification");
  EXPECT_STATUS(store_->Receive("none", File("d", "abc"), "abc", kSettings), kNotFound, "none");
}

}  // namespace
}  // namespace hadal::retrieval
