// Documents that are visible before they are embedded.

#include <fmt/format.h>

#include <map>

#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::SizeIs;

constexpr int32_t kLarge = 100;  // six batches of 16 and a rest

std::string Text(const std::string& id, int32_t i) {
  return fmt::format("{}第{}条 编号{}的设备每{}天检查一次", id, i, i * 7919, i + 2);
}

NewDocument LargeDocument(const std::string& id, Label label = {Classification::kPublic, {}, {}},
                          int32_t chunks = kLarge) {
  std::vector<std::string> texts;
  for (int32_t i = 0; i < chunks; ++i) texts.push_back(Text(id, i));
  return MakeDocument(id, texts, std::move(label));
}

class PendingTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = 10;
    StoreFixture::SetUp();
  }

  SearchResult Search(const std::string& query, int32_t k = 5,
                      const AccessFilter& filter = Everything()) {
    const StatusOr<SearchResult> result = store_->Search("kb", query, k, filter);
    EXPECT_OK(result);
    return result.ok() ? *result : SearchResult();
  }

  /// Every allowed chunk by its id.
  std::map<std::string, SearchHit> AllHits(const std::string& query) {
    std::map<std::string, SearchHit> hits;
    for (SearchHit& hit : Search(query, 1000).hits) hits[hit.chunk_id] = hit;
    return hits;
  }

  /// Keys of the database under `prefix`; the store must be closed.
  int64_t Count(Table table, const std::string& prefix) {
    const auto database = Database::Open({options_.path, 0});
    EXPECT_OK(database);
    int64_t count = 0;
    EXPECT_OK((*database)->Scan(table, prefix, prefix,
                                [&count](std::string_view, std::string_view) -> StatusOr<bool> {
                                  ++count;
                                  return true;
                                }));
    return count;
  }
};

TEST_F(PendingTest, FoundByItsWordsFirstThenByItsMeaning) {
  embedder_->allow_background(0);
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("small", {"别的文字", "红色灯亮时停机"})));
  ASSERT_OK_AND_ASSIGN(const AddResult added, store_->AddDocument("kb", LargeDocument("big")));
  EXPECT_EQ(added.chunks, kLarge);
  EXPECT_EQ(added.pending_chunks, kLarge);
  EXPECT_EQ(embedder_->background_passages(), 0);

  SearchResult result = Search("编号554330的设备");
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.chunks_allowed, kLarge + 2);
  EXPECT_EQ(result.chunks_pending, kLarge);
  ASSERT_THAT(result.hits, SizeIs(5));
  EXPECT_EQ(result.hits.front().chunk.text, Text("big", 70));
  EXPECT_EQ(result.hits.front().dense_score, 0);
  EXPECT_FLOAT_EQ(result.hits.front().lexical_coverage, 1);
  // The documents that have their vectors are found as ever.
  EXPECT_EQ(Search("红色灯亮").hits.front().document_id, "small");

  ASSERT_OK_AND_ASSIGN(const DocumentPage page, store_->ListDocuments("kb", Everything(), 0, ""));
  ASSERT_THAT(page.documents, SizeIs(2));
  EXPECT_EQ(page.documents[0].pending_chunks, kLarge);
  EXPECT_EQ(page.documents[1].pending_chunks, 0);
  ASSERT_OK_AND_ASSIGN(const AddResult again, store_->AddDocument("kb", LargeDocument("big")));
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.pending_chunks, kLarge);

  embedder_->allow_background(kLarge);
  WaitUntilPending("big", 0);
  EXPECT_EQ(Search("编号554330的设备").chunks_pending, 0);
  for (const auto& [id, hit] : AllHits("编号554330的设备")) EXPECT_NE(hit.dense_score, 0) << id;
}

TEST_F(PendingTest, EmbeddedLaterIsAsGoodAsEmbeddedFirst) {
  ASSERT_OK(store_->CreateBase("reference", ""));
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  WaitUntilPending("big", 0);
  options_.embed_first_chunks = kLarge;
  Reopen();
  ASSERT_OK_AND_ASSIGN(const AddResult added,
                       store_->AddDocument("reference", LargeDocument("big")));
  EXPECT_EQ(added.pending_chunks, 0);
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchResult later,
                         store_->Search("kb", "设备检查", kLarge, Everything()));
    ASSERT_OK_AND_ASSIGN(const SearchResult first,
                         store_->Search("reference", "设备检查", kLarge, Everything()));
    ASSERT_EQ(later.hits.size(), first.hits.size());
    for (size_t i = 0; i < first.hits.size(); ++i) {
      EXPECT_EQ(later.hits[i].chunk_id, first.hits[i].chunk_id);
      EXPECT_EQ(later.hits[i].score, first.hits[i].score);
      EXPECT_EQ(later.hits[i].dense_score, first.hits[i].dense_score);
    }
    Reopen();
  }
}

TEST_F(PendingTest, SmallDocumentsAreEmbeddedBeforeTheyAreVisible) {
  embedder_->allow_background(0);
  const Label label = {Classification::kPublic, {}, {}};
  ASSERT_OK_AND_ASSIGN(const AddResult added,
                       store_->AddDocument("kb", LargeDocument("d", label, 10)));
  EXPECT_EQ(added.pending_chunks, 0);
  EXPECT_EQ(embedder_->passages(), 10);
  EXPECT_EQ(Search("设备").chunks_pending, 0);
  for (const auto& [id, hit] : AllHits("设备")) EXPECT_NE(hit.dense_score, 0) << id;
  store_.reset();
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
}

TEST_F(PendingTest, GoesOnWhereItWasAfterARestart) {
  embedder_->allow_background(64);
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  WaitUntilPending("big", kLarge - 64);
  const int64_t embedded = embedder_->background_passages();
  EXPECT_EQ(embedded, 64);
  Reopen();
  EXPECT_EQ(Pending("big"), kLarge - 64);
  const std::map<std::string, SearchHit> hits = AllHits("设备");
  ASSERT_THAT(hits, SizeIs(kLarge));
  for (int32_t i = 0; i < kLarge; ++i) {
    EXPECT_EQ(hits.at(fmt::format("big#1.{}", i)).dense_score == 0, i >= 64) << i;
  }
  embedder_->allow_background(kLarge);
  WaitUntilPending("big", 0);
  // Nothing was embedded twice.
  EXPECT_EQ(embedder_->background_passages(), kLarge);
  Reopen();
  EXPECT_EQ(Pending("big"), 0);
  store_.reset();
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), kLarge);
}

TEST_F(PendingTest, DeletedWhilePendingItLeavesNothing) {
  embedder_->allow_background(32);
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  WaitUntilPending("big", kLarge - 32);
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt removed,
                       store_->DeleteDocument("kb", "big", Everything()));
  EXPECT_EQ(removed.chunks, kLarge);
  EXPECT_EQ(Search("设备").chunks_pending, 0);
  ASSERT_OK_AND_ASSIGN(const AddResult again,
                       store_->AddDocument("kb", MakeDocument("big", {"设备"})));
  EXPECT_EQ(again.version, 2);
  EXPECT_EQ(Pending("big"), 0);
  store_.reset();
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), 1);
  EXPECT_EQ(Count(Table::kChunks, ChunkPrefix(0)), 1);
}

TEST_F(PendingTest, DeletedUnderABatchNothingOfItIsWritten) {
  embedder_->on_background([this] {
    EXPECT_OK(store_->DeleteDocument("kb", "big", Everything()));
    EXPECT_OK(store_->AddDocument("kb", MakeDocument("other", {"别的文字"})));
  });
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  while (!store_->GetDocument("kb", "other", Everything()).ok()) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  EXPECT_THAT(Texts("设备", Everything()), SizeIs(1));
  store_.reset();
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), 1);
}

TEST_F(PendingTest, ReplacedUnderABatchTheNewVersionGetsItsOwnVectors) {
  NewDocument next = LargeDocument("big");
  for (Chunk& chunk : next.chunks) chunk.text += "，新版";
  next.sha256 = "another";
  embedder_->on_background([&] { EXPECT_OK(store_->AddDocument("kb", next)); });
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  while (store_->GetDocument("kb", "big", Everything())->version == 1) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  WaitUntilPending("big", 0);
  const std::vector<float> query = embedder_->Embed("设备检查");
  const std::map<std::string, SearchHit> hits = AllHits("设备检查");
  ASSERT_THAT(hits, SizeIs(kLarge));
  for (const auto& [id, hit] : hits) {
    EXPECT_EQ(hit.document_version, 2);
    const std::vector<float> passage = embedder_->Embed(PassageText("title of big", hit.chunk));
    float cosine = 0;
    for (size_t i = 0; i < query.size(); ++i) cosine += query[i] * passage[i];
    EXPECT_NEAR(hit.dense_score, cosine, 1e-5) << id;
  }
}

TEST_F(PendingTest, ABaseGoesWithWhatIsPending) {
  embedder_->allow_background(0);
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  ASSERT_OK(store_->DeleteBase("kb"));
  ASSERT_OK(store_->CreateBase("kb", "again"));
  embedder_->allow_background(1000);
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("next")));
  WaitUntilPending("next", 0);
  EXPECT_EQ(embedder_->background_passages(), kLarge);
  store_.reset();
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), 0);
}

TEST_F(PendingTest, OneThatAlwaysFailsHoldsUpNoOther) {
  embedder_->poison_background("甲文件第50条");
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("甲文件")));
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("乙文件")));
  WaitUntilPending("乙文件", 0);
  WaitUntilPending("甲文件", kLarge - 48);
  const SearchResult found = Search("甲文件编号395950的设备");
  EXPECT_THAT(found.hits, Contains(Field(&SearchHit::chunk_id, "甲文件#1.50")));
}

TEST_F(PendingTest, AccessRulesHoldWhilePending) {
  embedder_->allow_background(0);
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("open")));
  const SearchResult before = Search("编号554330的设备", 20, PublicOnly());
  ASSERT_OK(
      store_->AddDocument("kb", LargeDocument("hidden", {Classification::kSecret, {"alpha"}, {}})));
  const SearchResult after = Search("编号554330的设备", 20, PublicOnly());
  EXPECT_EQ(after.chunks_allowed, kLarge);
  EXPECT_EQ(after.chunks_pending, kLarge);
  ASSERT_EQ(before.hits.size(), after.hits.size());
  for (size_t i = 0; i < after.hits.size(); ++i) {
    EXPECT_EQ(after.hits[i].chunk_id, before.hits[i].chunk_id);
    EXPECT_EQ(after.hits[i].score, before.hits[i].score);
  }
  EXPECT_EQ(Search("编号554330的设备").chunks_pending, 2 * kLarge);
  EXPECT_STATUS(store_->DeleteDocument("kb", "hidden", PublicOnly()), kNotFound, "hidden");
}

// A document without chunks has the first chunk number of the one behind it.
TEST_F(PendingTest, AnEmptyDocumentIsNotTakenForItsNeighbour) {
  embedder_->allow_background(0);
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("empty", {})));
  ASSERT_OK(store_->AddDocument("kb", LargeDocument("big")));
  EXPECT_EQ(Pending("empty"), 0);
  ASSERT_OK(store_->DeleteDocument("kb", "empty", Everything()));
  EXPECT_EQ(Pending("big"), kLarge);
  Reopen();
  EXPECT_EQ(Pending("big"), kLarge);
}

}  // namespace
}  // namespace hadal::retrieval
