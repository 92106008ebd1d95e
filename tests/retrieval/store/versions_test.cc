// Versions: which are kept, which are found now, which at another time.

#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class VersionsTest : public StoreFixture {
 protected:
  int64_t In(absl::Duration duration) const { return absl::ToUnixMillis(clock_->Now() + duration); }

  void Add(const std::string& id, const std::vector<std::string>& texts,
           absl::Duration effective = absl::ZeroDuration(),
           absl::Duration expires = absl::ZeroDuration(),
           Label label = {Classification::kPublic, {}, {}}) {
    NewDocument document = MakeDocument(id, texts, std::move(label));
    if (effective != absl::ZeroDuration()) document.effective_unix_ms = In(effective);
    if (expires != absl::ZeroDuration()) document.expires_unix_ms = In(expires);
    ASSERT_OK(store_->AddDocument("kb", document));
  }

  std::vector<std::string> AsOf(int64_t as_of_ms, const AccessFilter& filter = Everything()) {
    SearchOptions options;
    options.as_of_unix_ms = as_of_ms;
    const StatusOr<SearchResult> result = store_->Search("kb", "条款的内容", options, filter);
    EXPECT_OK(result);
    std::vector<std::string> texts;
    if (!result.ok()) return texts;
    EXPECT_TRUE(result->complete);
    for (const SearchHit& hit : result->hits) texts.push_back(hit.chunk.text);
    return texts;
  }

  std::vector<int32_t> Kept(const std::string& id) {
    std::vector<int32_t> versions;
    const auto infos = store_->ListVersions("kb", id, Everything());
    EXPECT_OK(infos);
    if (!infos.ok()) return versions;
    for (const DocumentInfo& info : *infos) versions.push_back(info.version);
    return versions;
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
};

TEST_F(VersionsTest, SoManyOlderOnesAreKeptAsTheBaseSays) {
  ASSERT_OK(store_->SetKeepVersions("kb", 2));
  for (int version = 1; version <= 5; ++version) {
    Add("d", {"第" + std::to_string(version) + "版条款的内容"});
    clock_->Advance(absl::Hours(1));
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Kept("d"), ElementsAre(5, 4, 3));
    EXPECT_THAT(Texts("条款的内容", Everything()), ElementsAre("第5版条款的内容"));
    EXPECT_EQ(store_->ListBases().front().chunks, 3);
    EXPECT_EQ(store_->ListBases().front().documents, 1);
    EXPECT_EQ(store_->ListBases().front().keep_versions, 2);
    Reopen();
  }
  ASSERT_OK_AND_ASSIGN(const auto versions, store_->ListVersions("kb", "d", Everything()));
  EXPECT_TRUE(versions[0].in_force);
  EXPECT_FALSE(versions[1].in_force);
  EXPECT_EQ(versions[1].superseded_by, 5);
  EXPECT_EQ(versions[2].superseded_by, 4);
  EXPECT_EQ(versions[1].superseded_unix_ms, versions[0].added_unix_ms);

  ASSERT_OK(store_->SetKeepVersions("kb", 0));
  Add("d", {"第6版条款的内容"});
  EXPECT_THAT(Kept("d"), ElementsAre(6));
  EXPECT_EQ(Count(Table::kChunks, ChunkPrefix(0)), 1);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), 1);
  EXPECT_STATUS(store_->SetKeepVersions("kb", -1), kInvalidArgument, "0 to");
  EXPECT_STATUS(store_->SetKeepVersions("none", 1), kNotFound, "none");
}

TEST_F(VersionsTest, AnotherTimeFindsWhatWasInForceThen) {
  ASSERT_OK(store_->SetKeepVersions("kb", 10));
  const int64_t before = In(-absl::Hours(1));
  Add("d", {"旧版条款的内容"});
  Add("other", {"别的条款的内容"});
  const int64_t first = In(absl::Minutes(1));
  clock_->Advance(absl::Hours(24));
  Add("d", {"新版条款的内容"});
  const int64_t second = In(absl::Minutes(1));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(AsOf(before), IsEmpty());
    EXPECT_THAT(AsOf(first), UnorderedElementsAre("旧版条款的内容", "别的条款的内容"));
    EXPECT_THAT(AsOf(second), UnorderedElementsAre("新版条款的内容", "别的条款的内容"));
    EXPECT_THAT(Texts("条款的内容", Everything()),
                UnorderedElementsAre("新版条款的内容", "别的条款的内容"));
    Reopen();
  }
}

TEST_F(VersionsTest, WhatWasMadeSecretIsSecretInItsOlderVersionsToo) {
  ASSERT_OK(store_->SetKeepVersions("kb", 10));
  Add("d", {"旧版条款的内容"});
  const int64_t first = In(absl::Minutes(1));
  clock_->Advance(absl::Hours(1));
  Add("d", {"新版条款的内容"}, {}, {}, {Classification::kSecret, {"alpha"}, {}});
  EXPECT_THAT(AsOf(first, PublicOnly()), IsEmpty());
  EXPECT_THAT(AsOf(first, Everything()), ElementsAre("旧版条款的内容"));
  EXPECT_STATUS(store_->ListVersions("kb", "d", PublicOnly()), kNotFound, "d");
}

TEST_F(VersionsTest, AVersionIsFoundFromItsDateOnAndTheOneBeforeUntilThen) {
  Add("d", {"旧版条款的内容"});
  Add("d", {"明年的条款的内容"}, absl::Hours(48));
  Add("late", {"后来加入的条款的内容"});  // has higher chunk numbers than the coming version
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Kept("d"), ElementsAre(2, 1));
    EXPECT_THAT(Texts("条款的内容", Everything()),
                UnorderedElementsAre("旧版条款的内容", "后来加入的条款的内容"));
    Reopen();
  }
  EXPECT_THAT(AsOf(In(absl::Hours(49))),
              UnorderedElementsAre("明年的条款的内容", "后来加入的条款的内容"));
  clock_->Advance(absl::Hours(48));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Texts("条款的内容", Everything()),
                UnorderedElementsAre("明年的条款的内容", "后来加入的条款的内容"));
    Reopen();
  }
  EXPECT_THAT(Kept("d"), ElementsAre(2));  // nothing older is kept in this base
  EXPECT_EQ(Count(Table::kChunks, ChunkPrefix(0)), 2);
  EXPECT_EQ(Count(Table::kVectors, VectorPrefix(0)), 2);
}

TEST_F(VersionsTest, TheDateComesWhileTheStoreIsClosed) {
  Add("d", {"旧版条款的内容"});
  Add("d", {"明年的条款的内容"}, absl::Hours(48));
  store_.reset();
  clock_->Advance(absl::Hours(49));
  Reopen();
  EXPECT_THAT(Texts("条款的内容", Everything()), ElementsAre("明年的条款的内容"));
  ASSERT_OK(store_->DeleteDocument("kb", "d", Everything()));
  EXPECT_EQ(Count(Table::kChunks, ChunkPrefix(0)), 0);
}

TEST_F(VersionsTest, AnExpiredDocumentIsNotFoundAndAnOlderVersionDoesNotComeBack) {
  ASSERT_OK(store_->SetKeepVersions("kb", 1));
  Add("d", {"旧版条款的内容"});
  Add("d", {"到期的条款的内容"}, {}, absl::Hours(10));
  EXPECT_THAT(Texts("条款的内容", Everything()), ElementsAre("到期的条款的内容"));
  clock_->Advance(absl::Hours(10));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Texts("条款的内容", Everything()), IsEmpty());
    ASSERT_OK_AND_ASSIGN(const DocumentInfo info, store_->GetDocument("kb", "d", Everything()));
    EXPECT_FALSE(info.in_force);
    Reopen();
  }
  // Extended: the same text under another date.
  Add("other", {"别的文字"});
  const int64_t embedded = embedder_->passages();
  Add("d", {"到期的条款的内容"}, {}, absl::Hours(10));
  EXPECT_EQ(embedder_->passages(), embedded);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Texts("条款的内容", Everything()),
                UnorderedElementsAre("到期的条款的内容", "别的文字"));
    Reopen();
  }
  EXPECT_THAT(Kept("d"), ElementsAre(2, 1));
}

TEST_F(VersionsTest, AComingVersionGetsItsVectorsInTheBackground) {
  options_.embed_first_chunks = 0;
  Reopen();
  embedder_->allow_background(0);
  Add("d", {"旧版条款的内容"});
  Add("d", {"新版条款的内容甲", "新版条款的内容乙"}, absl::Hours(1));
  clock_->Advance(absl::Hours(2));
  EXPECT_THAT(Texts("条款的内容", Everything()), SizeIs(2));
  EXPECT_EQ(Pending("d"), 2);
  Reopen();
  EXPECT_EQ(Pending("d"), 2);
  embedder_->allow_background(100);
  WaitUntilPending("d", 0);
  ASSERT_OK_AND_ASSIGN(const SearchResult result,
                       store_->Search("kb", "条款的内容", 5, Everything()));
  EXPECT_EQ(result.chunks_pending, 0);
  ASSERT_THAT(result.hits, SizeIs(2));
  for (const SearchHit& hit : result.hits) EXPECT_NE(hit.dense_score, 0);
  EXPECT_EQ(Count(Table::kMeta, PendingPrefix(0)), 0);
}

TEST_F(VersionsTest, DatesThatContradictEachOtherAreRefused) {
  NewDocument document = MakeDocument("d", {"x"});
  document.effective_unix_ms = 2000;
  document.expires_unix_ms = 1000;
  EXPECT_STATUS(store_->AddDocument("kb", document), kInvalidArgument, "an end after");
}

TEST_F(VersionsTest, FieldsAreMatchedExactly) {
  const auto add = [this](const std::string& id, const std::string& number) {
    NewDocument document = MakeDocument(id, {id + "条款的内容"});
    document.fields = {{"document_number", number, number}, {"issuer", "办公厅", "办公厅"}};
    ASSERT_OK(store_->AddDocument("kb", document));
  };
  for (int i = 0; i < 30; ++i)
    add("d" + std::to_string(i), "国发[2024]" + std::to_string(i) + "号");
  SearchOptions options;
  options.top_k = 2;
  options.fields = {{"document_number", "国发[2024]7号"}};
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchResult result,
                         store_->Search("kb", "d20条款的内容", options, Everything()));
    ASSERT_THAT(result.hits, SizeIs(1));  // whatever ranks before it
    EXPECT_EQ(result.hits.front().document_id, "d7");
    EXPECT_TRUE(result.complete);
    ASSERT_OK_AND_ASSIGN(const DocumentPage page,
                         store_->ListDocuments("kb", Everything(),
                                               ListOptions{0, "", options.fields, std::nullopt}));
    ASSERT_THAT(page.documents, SizeIs(1));
    EXPECT_EQ(page.documents.front().fields.size(), 2u);
    Reopen();
  }
  options.fields.push_back({"issuer", "别处"});
  ASSERT_OK_AND_ASSIGN(const SearchResult none,
                       store_->Search("kb", "条款的内容", options, Everything()));
  EXPECT_THAT(none.hits, IsEmpty());
}

}  // namespace
}  // namespace hadal::retrieval
