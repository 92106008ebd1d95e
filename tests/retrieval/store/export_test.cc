// A base as a stream of bytes, into another store.

#include <random>

#include "retrieval/store/export_stream.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExportTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = 3;
    embedder_->allow_background(16);
    StoreFixture::SetUp();
    ASSERT_OK(store_->SetKeepVersions("kb", 1));
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("old", {"旧版的文字"})));
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("old", {"新版的文字"})));
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("gone", {"删除的文字"})));
    ASSERT_OK(store_->DeleteDocument("kb", "gone", Everything()));
    std::vector<std::string> texts;
    for (int i = 0; i < 20; ++i) texts.push_back("长文件的文字" + std::to_string(i));
    ASSERT_OK(store_->AddDocument("kb", MakeDocument("long", texts)));
    WaitUntilPending("long", 4);
    ReceivedFile file;
    file.document_id = "waits";
    file.file_name = "waits.txt";
    file.label = {Classification::kInternal, {}, {}};
    file.sha256 = std::string(64, 'b');
    content_ = std::string(1'500'000, 'y');
    file.size_bytes = static_cast<int64_t>(content_.size());
    ASSERT_OK(store_->Receive("kb", file, content_, ""));
  }

  std::string Exported() {
    std::string bytes;
    EXPECT_OK(store_->Export("kb", [&bytes](std::string_view part) {
      EXPECT_LE(part.size(), size_t{1} << 20);
      bytes += part;
      return OkStatus();
    }));
    return bytes;
  }

  /// In parts of odd sizes.
  StatusOr<KnowledgeBaseInfo> Import(const std::string& id, const std::string& bytes) {
    size_t used = 0;
    return store_->Import(id, [&]() -> StatusOr<std::string> {
      const std::string part = bytes.substr(used, 70'001);
      used += part.size();
      return part;
    });
  }

  std::string content_;
};

TEST_F(ExportTest, TheImportedBaseAnswersAsTheFirst) {
  const std::string bytes = Exported();
  ASSERT_OK_AND_ASSIGN(const KnowledgeBaseInfo info, Import("copy", bytes));
  EXPECT_EQ(info.documents, 2);
  EXPECT_EQ(info.chunks, 22);
  EXPECT_EQ(info.keep_versions, 1);
  const int64_t embedded = embedder_->background_passages();
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchResult first, store_->Search("kb", "文字", 50, Everything()));
    ASSERT_OK_AND_ASSIGN(const SearchResult copy, store_->Search("copy", "文字", 50, Everything()));
    ASSERT_EQ(first.hits.size(), 21u);
    ASSERT_EQ(copy.hits.size(), first.hits.size());
    for (size_t i = 0; i < first.hits.size(); ++i) {
      EXPECT_EQ(copy.hits[i].chunk_id, first.hits[i].chunk_id);
      EXPECT_EQ(copy.hits[i].score, first.hits[i].score);
      EXPECT_EQ(copy.hits[i].dense_score, first.hits[i].dense_score);
    }
    EXPECT_EQ(copy.chunks_pending, 4);
    ASSERT_OK_AND_ASSIGN(const auto versions, store_->ListVersions("copy", "old", Everything()));
    EXPECT_THAT(versions, SizeIs(2));
    ASSERT_OK_AND_ASSIGN(const std::string file, store_->ReadFile("copy", std::string(64, 'b')));
    EXPECT_TRUE(file == content_);
    Reopen();
  }
  EXPECT_EQ(embedder_->background_passages(), embedded);  // vectors came with it
  ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
  ASSERT_THAT(waiting, SizeIs(2));
  EXPECT_NE(waiting[0].upload.number, waiting[1].upload.number);
  // A version number that was given in the first base is given in neither.
  ASSERT_OK_AND_ASSIGN(const AddResult again,
                       store_->AddDocument("copy", MakeDocument("gone", {"别的文字"})));
  EXPECT_EQ(again.version, 2);
  ASSERT_OK(store_->DeleteBase("kb"));
  EXPECT_OK(store_->Search("copy", "文字", 5, Everything()));
}

TEST_F(ExportTest, ADamagedStreamLeavesNothing) {
  const std::string bytes = Exported();
  std::mt19937 random(7);
  for (int round = 0; round < 24; ++round) {
    std::string damaged = bytes;
    const size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    EXPECT_FALSE(Import("copy", damaged).ok()) << at;
  }
  for (int round = 0; round < 12; ++round) {
    const auto cut = Import("copy", bytes.substr(0, random() % bytes.size()));
    EXPECT_FALSE(cut.ok());
  }
  EXPECT_STATUS(Import("copy", bytes.substr(0, bytes.size() - 1)), kDataLoss, "cut short");
  EXPECT_STATUS(Import("copy", bytes + "x"), kDataLoss, "behind its end");
  EXPECT_STATUS(Import("copy", ""), kInvalidArgument, "no exported knowledge base");
  EXPECT_STATUS(Import("kb", bytes), kAlreadyExists, "kb");
  EXPECT_STATUS(Import("Not an id", bytes), kInvalidArgument, "knowledge base id");
  EXPECT_THAT(store_->ListBases(), SizeIs(1));
  ASSERT_OK(Import("copy", bytes));
}

// Checksums hold, content does not: what opening a store refuses, importing refuses.
TEST_F(ExportTest, AStreamOfRecordsThatDoNotFitIsRefused) {
  const std::string bytes = Exported();
  const auto without = [&](char kind, int which) {
    std::string changed;
    size_t used = 0;
    ExportReader reader([&]() -> StatusOr<std::string> {
      const std::string part = bytes.substr(used);
      used = bytes.size();
      return part;
    });
    ExportWriter writer([&changed](std::string_view part) {
      changed += part;
      return OkStatus();
    });
    while (true) {
      const auto entry = reader.Next();
      EXPECT_OK(entry);
      if (!entry.ok() || !*entry) break;
      if ((*entry)->kind == kind && which-- == 0) continue;
      EXPECT_OK(writer.Add((*entry)->kind, (*entry)->suffix, (*entry)->value));
    }
    EXPECT_OK(writer.Finish());
    return changed;
  };
  EXPECT_STATUS(Import("copy", without(0x21, 3)), kDataLoss, "lacks chunk");
  EXPECT_STATUS(Import("copy", without(0x31, 3)), kDataLoss, "lacks the vector");
  EXPECT_STATUS(Import("copy", without(0x11, 2)), kDataLoss, "");
  EXPECT_STATUS(Import("copy", without(0x42, 0)), kDataLoss, "do not fit");
  EXPECT_STATUS(Import("copy", without(0x03, 0)), kDataLoss, "does not begin with");
  EXPECT_THAT(store_->ListBases(), SizeIs(1));
}

TEST_F(ExportTest, AnotherModelIsRefusedAndAWriterThatFailsIsHeard) {
  const std::string bytes = Exported();
  EXPECT_STATUS(store_->Export("kb", [](std::string_view) { return Unavailable("gone away"); }),
                kUnavailable, "gone away");
  EXPECT_STATUS(store_->Export("none", [](std::string_view) { return OkStatus(); }), kNotFound,
                "none");
  KnowledgeStoreOptions other = options_;
  other.path = folder_->path() + "/other";
  ASSERT_OK_AND_ASSIGN(
      const auto store,
      KnowledgeStore::Open(other, std::make_shared<FakeEmbedder>("fake-2"), clock_));
  bool given = false;
  EXPECT_STATUS(store->Import("copy",
                              [&]() -> StatusOr<std::string> {
                                return std::exchange(given, true) ? std::string() : bytes;
                              }),
                kFailedPrecondition, "fake-1");
  EXPECT_THAT(store->ListBases(), IsEmpty());
}

}  // namespace
}  // namespace hadal::retrieval
