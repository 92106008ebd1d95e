#include "retrieval/knowledge_store.h"

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class KnowledgeStoreTest : public StoreFixture {};

TEST_F(KnowledgeStoreTest, FindsWhatWasAddedAndKeepsItAcrossARestart) {
  ASSERT_OK_AND_ASSIGN(
      const AddResult added,
      store_->AddDocument("kb", MakeDocument("d1", {"变压器油温不得超过85℃", "红色灯亮时停机"})));
  EXPECT_EQ(added.version, 1);
  EXPECT_EQ(added.chunks, 2);
  EXPECT_FALSE(added.unchanged);
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchResult result,
                         store_->Search("kb", "變壓器油溫", 5, PublicOnly()));
    ASSERT_THAT(result.hits, SizeIs(2));
    EXPECT_EQ(result.chunks_allowed, 2);
    EXPECT_TRUE(result.complete);
    const SearchHit& hit = result.hits.front();
    EXPECT_EQ(hit.chunk.text, "变压器油温不得超过85℃");
    EXPECT_EQ(hit.chunk_id, "d1#1.0");
    EXPECT_EQ(hit.title, "title of d1");
    EXPECT_EQ(hit.chunk.page, 1);
    EXPECT_EQ(hit.label, (Label{Classification::kPublic, {}, {}}));
    EXPECT_GT(hit.lexical_score, 0);
    EXPECT_FLOAT_EQ(hit.lexical_coverage, 1.0f);
    EXPECT_FLOAT_EQ(result.hits.back().lexical_coverage, 0.0f);
    EXPECT_LE(hit.dense_score, 1.001f);
    const std::vector<KnowledgeBaseInfo> bases = store_->ListBases();
    ASSERT_THAT(bases, SizeIs(1));
    EXPECT_EQ(bases.front().documents, 1);
    EXPECT_EQ(bases.front().chunks, 2);
    EXPECT_EQ(bases.front().created_unix_ms, 1'800'000'000'000);
    Reopen();
  }
}

TEST_F(KnowledgeStoreTest, SameBytesLabelAndTitleChangeNothing) {
  const NewDocument document = MakeDocument("d1", {"一二三四"});
  ASSERT_OK(store_->AddDocument("kb", document));
  const int64_t embedded = embedder_->passages();
  ASSERT_OK_AND_ASSIGN(const AddResult again, store_->AddDocument("kb", document));
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.version, 1);
  EXPECT_EQ(again.chunks, 1);
  EXPECT_EQ(embedder_->passages(), embedded);

  NewDocument relabelled = document;
  relabelled.label.groups = {"hr"};
  ASSERT_OK_AND_ASSIGN(const AddResult changed, store_->AddDocument("kb", relabelled));
  EXPECT_FALSE(changed.unchanged);
  // The same text: the same version, and nothing is embedded again.
  EXPECT_TRUE(changed.relabelled);
  EXPECT_EQ(changed.version, 1);
  EXPECT_EQ(embedder_->passages(), embedded);
  // The right is gone at the next search.
  EXPECT_THAT(Texts("一二三四", PublicOnly()), IsEmpty());
  EXPECT_THAT(Texts("一二三四", Everything()), ElementsAre("一二三四"));
}

TEST_F(KnowledgeStoreTest, ANewVersionReplacesTheOldOne) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d1", {"旧的内容甲", "旧的内容乙"})));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d2", {"别的文件"})));
  ASSERT_OK_AND_ASSIGN(const AddResult added,
                       store_->AddDocument("kb", MakeDocument("d1", {"新的内容"})));
  EXPECT_EQ(added.version, 2);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Texts("内容", PublicOnly()), UnorderedElementsAre("新的内容", "别的文件"));
    EXPECT_EQ(store_->ListBases().front().documents, 2);
    EXPECT_EQ(store_->ListBases().front().chunks, 2);
    Reopen();
  }
}

TEST_F(KnowledgeStoreTest, ADeletedDocumentIsGoneAtTheNextSearch) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d1", {"机密的数字四十二", "第二段"})));
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt receipt,
                       store_->DeleteDocument("kb", "d1", PublicOnly()));
  EXPECT_EQ(receipt.chunks, 2);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Texts("四十二", Everything()), IsEmpty());
    EXPECT_STATUS(store_->GetDocument("kb", "d1", Everything()), kNotFound, "d1");
    EXPECT_STATUS(store_->DeleteDocument("kb", "d1", Everything()), kNotFound, "d1");
    EXPECT_EQ(store_->ListBases().front().documents, 0);
    Reopen();
  }
  // A version number is never given twice: an audit record means one text.
  ASSERT_OK_AND_ASSIGN(
      const AddResult again,
      store_->AddDocument("kb", MakeDocument("d1", {"机密的数字四十二", "第二段"})));
  EXPECT_EQ(again.version, 2);
  EXPECT_FALSE(again.unchanged);
}

TEST_F(KnowledgeStoreTest, WhatOneMayNotReadDoesNotExist) {
  ASSERT_OK(store_->AddDocument(
      "kb", MakeDocument("hidden", {"藏起来"}, {Classification::kSecret, {"alpha"}, {}})));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("open", {"公开的"})));
  EXPECT_THAT(Texts("藏起来", PublicOnly()), ElementsAre("公开的"));
  EXPECT_THAT(Texts("藏起来", AccessFilter()), IsEmpty());
  const Status hidden = store_->GetDocument("kb", "hidden", PublicOnly()).status();
  const Status absent = store_->GetDocument("kb", "absent", PublicOnly()).status();
  EXPECT_EQ(hidden.code(), absent.code());
  EXPECT_EQ(StatusMessage(hidden), "no document 'hidden' that you may read");
  EXPECT_EQ(StatusMessage(absent), "no document 'absent' that you may read");
  EXPECT_STATUS(store_->DeleteDocument("kb", "hidden", PublicOnly()), kNotFound, "hidden");
  ASSERT_OK_AND_ASSIGN(const DocumentPage page, store_->ListDocuments("kb", PublicOnly(), 0, ""));
  ASSERT_THAT(page.documents, SizeIs(1));
  EXPECT_EQ(page.documents.front().id, "open");
  EXPECT_OK(store_->GetDocument("kb", "hidden", Everything()));
}

TEST_F(KnowledgeStoreTest, ScoresDoNotDependOnHiddenDocuments) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("a", {"检修周期为六年", "绝缘电阻测量"})));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("b", {"检修记录保存三年"})));
  ASSERT_OK_AND_ASSIGN(const SearchResult before,
                       store_->Search("kb", "检修周期", 3, PublicOnly()));
  const Label hidden = {Classification::kSecret, {}, {}};
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("c", {"检修周期", "周期周期", "检修"}, hidden)));
  ASSERT_OK_AND_ASSIGN(const SearchResult after, store_->Search("kb", "检修周期", 3, PublicOnly()));
  ASSERT_EQ(before.hits.size(), after.hits.size());
  EXPECT_EQ(before.chunks_allowed, after.chunks_allowed);
  for (size_t i = 0; i < before.hits.size(); ++i) {
    EXPECT_EQ(before.hits[i].chunk_id, after.hits[i].chunk_id);
    EXPECT_EQ(before.hits[i].score, after.hits[i].score);
    EXPECT_EQ(before.hits[i].lexical_score, after.hits[i].lexical_score);
    EXPECT_EQ(before.hits[i].lexical_coverage, after.hits[i].lexical_coverage);
  }
}

TEST_F(KnowledgeStoreTest, ListsInPages) {
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    const Label label = {*id == 'c' ? Classification::kSecret : Classification::kPublic, {}, {}};
    ASSERT_OK(store_->AddDocument("kb", MakeDocument(id, {std::string("文件") + id}, label)));
  }
  std::vector<std::string> ids;
  std::string token;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const DocumentPage page,
                         store_->ListDocuments("kb", PublicOnly(), 2, token));
    for (const DocumentInfo& info : page.documents) ids.push_back(info.id);
    token = page.next_page_token;
    ++pages;
  } while (!token.empty() && pages < 10);
  EXPECT_THAT(ids, ElementsAre("a", "b", "d", "e"));
  EXPECT_EQ(pages, 2);
  EXPECT_STATUS(store_->ListDocuments("kb", PublicOnly(), 2, "zz"), kInvalidArgument, "page_token");
  EXPECT_STATUS(store_->ListDocuments("kb", PublicOnly(), -1, ""), kInvalidArgument, "page_size");
}

TEST_F(KnowledgeStoreTest, BasesAreApart) {
  ASSERT_OK(store_->CreateBase("other", ""));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"甲库的文字"})));
  ASSERT_OK(store_->AddDocument("other", MakeDocument("d", {"乙库的文字"})));
  EXPECT_THAT(Texts("文字", PublicOnly()), ElementsAre("甲库的文字"));
  ASSERT_OK_AND_ASSIGN(const DeletionReceipt removed, store_->DeleteBase("other"));
  EXPECT_EQ(removed.documents, 1);
  EXPECT_STATUS(store_->Search("other", "文字", 1, Everything()), kNotFound, "other");
  ASSERT_OK(store_->CreateBase("other", "again"));
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const SearchResult result,
                         store_->Search("other", "文字", 1, Everything()));
    EXPECT_THAT(result.hits, IsEmpty());
    EXPECT_THAT(Texts("文字", PublicOnly()), ElementsAre("甲库的文字"));
    Reopen();
  }
}

TEST_F(KnowledgeStoreTest, RefusesWhatDoesNotFit) {
  EXPECT_STATUS(store_->CreateBase("kb", ""), kAlreadyExists, "kb");
  for (const char* id : {"", "Upper", "-a", "a b", "a/b", "../x", "中"}) {
    EXPECT_STATUS(store_->CreateBase(id, ""), kInvalidArgument, "knowledge base id");
  }
  EXPECT_STATUS(store_->CreateBase(std::string(64, 'a'), ""), kInvalidArgument, "63");
  EXPECT_STATUS(store_->DeleteBase("none"), kNotFound, "none");
  EXPECT_STATUS(store_->AddDocument("none", MakeDocument("d", {"x"})), kNotFound, "none");
  EXPECT_STATUS(store_->AddDocument("kb", MakeDocument("", {"x"})), kInvalidArgument,
                "document id");
  EXPECT_STATUS(store_->AddDocument("kb", MakeDocument("a\nb", {"x"})), kInvalidArgument,
                "control");
  EXPECT_STATUS(
      store_->AddDocument("kb", MakeDocument("d", {"x"}, {Classification::kNone, {}, {}})),
      kInvalidArgument, "classification");
  EXPECT_STATUS(store_->Search("kb", "", 1, Everything()), kInvalidArgument, "query");
  EXPECT_STATUS(store_->Search("kb", "\xFF", 1, Everything()), kInvalidArgument, "UTF-8");
  EXPECT_STATUS(store_->Search("kb", "x", 0, Everything()), kInvalidArgument, "top_k");
}

TEST_F(KnowledgeStoreTest, TooManyChunksAreRefused) {
  options_.max_chunks_per_document = 2;
  Reopen();
  EXPECT_STATUS(store_->AddDocument("kb", MakeDocument("d", {"1", "2", "3"})), kResourceExhausted,
                "at most 2");
}

TEST_F(KnowledgeStoreTest, AFailingEmbedderLeavesNoTrace) {
  embedder_->set_failing(true);
  EXPECT_STATUS(store_->AddDocument("kb", MakeDocument("d", {"文字"})), kUnavailable, "fail");
  embedder_->set_failing(false);
  EXPECT_THAT(Texts("文字", Everything()), IsEmpty());
  EXPECT_EQ(store_->ListBases().front().documents, 0);
  ASSERT_OK_AND_ASSIGN(const AddResult added,
                       store_->AddDocument("kb", MakeDocument("d", {"文字"})));
  EXPECT_EQ(added.version, 1);
}

TEST_F(KnowledgeStoreTest, VectorsOfTwoModelsNeverMix) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d", {"文字"})));
  store_.reset();
  EXPECT_STATUS(
      KnowledgeStore::Open(options_, std::make_shared<FakeEmbedder>("fake-2"), clock_).status(),
      kFailedPrecondition, "built with embedding model fake-1");
  EXPECT_STATUS(
      KnowledgeStore::Open(options_, std::make_shared<FakeEmbedder>("fake-1", 16), clock_).status(),
      kFailedPrecondition, "32 dimensions");
  Reopen();
}

TEST_F(KnowledgeStoreTest, StopsWritingBeforeTheDiskIsFull) {
  options_.min_free_bytes = int64_t{1} << 60;
  Reopen();
  EXPECT_STATUS(store_->AddDocument("kb", MakeDocument("d", {"文字"})), kResourceExhausted,
                "free some disk space");
  EXPECT_THAT(Texts("文字", Everything()), IsEmpty());
  options_.min_free_bytes = 0;
  Reopen();
  EXPECT_OK(store_->AddDocument("kb", MakeDocument("d", {"文字"})));
}

TEST_F(KnowledgeStoreTest, ASecondProcessIsRefused) {
  EXPECT_STATUS(KnowledgeStore::Open(options_, embedder_, clock_).status(), kFailedPrecondition,
                "another process");
}

TEST_F(KnowledgeStoreTest, ADocumentWithoutTextIsListedButNeverFound) {
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("empty", {})));
  EXPECT_THAT(Texts("empty", Everything()), IsEmpty());
  Reopen();
  ASSERT_OK_AND_ASSIGN(const DocumentInfo info, store_->GetDocument("kb", "empty", Everything()));
  EXPECT_EQ(info.num_chunks, 0);
}

/// Five chunks of two sections: 甲 乙 | 丙 丁 戊.
NewDocument TwoSections(Label label = {Classification::kPublic, {}, {}}) {
  NewDocument document = MakeDocument("d1", {"甲", "乙", "丙", "丁", "戊"}, std::move(label));
  for (int32_t i = 0; i < 5; ++i) {
    document.chunks[static_cast<size_t>(i)].section_first = i < 2 ? 0 : 2;
    document.chunks[static_cast<size_t>(i)].section_last = i < 2 ? 1 : 4;
  }
  return document;
}

std::string TextsOf(const std::vector<SearchHit>& hits) {
  std::string texts;
  for (const SearchHit& hit : hits) texts += hit.chunk.text;
  return texts;
}

TEST_F(KnowledgeStoreTest, AChunkComesWithItsNeighboursOfTheSameSection) {
  ASSERT_OK(store_->AddDocument("kb", TwoSections()));
  ASSERT_OK_AND_ASSIGN(
      const std::vector<ChunkInPlace> chunks,
      store_->GetChunks("kb", {"d1#1.3", "d1#1.0", "d1#1.2", "d1#1.9"}, 1, PublicOnly()));
  ASSERT_THAT(chunks, SizeIs(3));
  EXPECT_EQ(chunks[0].chunk.chunk.text, "丁");
  EXPECT_EQ(chunks[0].chunk.chunk_id, "d1#1.3");
  EXPECT_EQ(chunks[0].chunk.title, "title of d1");
  EXPECT_EQ(TextsOf(chunks[0].before), "丙");
  EXPECT_EQ(TextsOf(chunks[0].after), "戊");
  EXPECT_EQ(chunks[0].after.front().chunk_id, "d1#1.4");
  EXPECT_EQ(TextsOf(chunks[1].before) + "|" + TextsOf(chunks[1].after), "|乙");
  EXPECT_EQ(TextsOf(chunks[2].before) + "|" + TextsOf(chunks[2].after), "|丁");
  ASSERT_OK_AND_ASSIGN(const std::vector<ChunkInPlace> wide,
                       store_->GetChunks("kb", {"d1#1.4"}, 16, PublicOnly()));
  ASSERT_THAT(wide, SizeIs(1));
  EXPECT_EQ(TextsOf(wide[0].before), "丙丁");
}

TEST_F(KnowledgeStoreTest, ChunksByTheirIdsObeyTheFilter) {
  ASSERT_OK(store_->AddDocument("kb", TwoSections({Classification::kInternal, {"alpha"}, {}})));
  const auto count = [&](const AccessFilter& filter) {
    const auto chunks = store_->GetChunks("kb", {"d1#1.3"}, 2, filter);
    EXPECT_OK(chunks);
    return chunks.ok() ? chunks->size() : 99;
  };
  EXPECT_EQ(count(Everything()), 1u);
  EXPECT_EQ(count(PublicOnly()), 0u);
  EXPECT_EQ(count({Classification::kSecret, {"beta"}, {}}), 0u);
  EXPECT_EQ(count(AccessFilter()), 0u);
}

TEST_F(KnowledgeStoreTest, ChunksOfAnotherVersionOrADeletedDocumentAreGone) {
  ASSERT_OK(store_->AddDocument("kb", TwoSections()));
  ASSERT_OK(store_->AddDocument("kb", MakeDocument("d1", {"己", "庚"})));
  ASSERT_OK_AND_ASSIGN(std::vector<ChunkInPlace> chunks,
                       store_->GetChunks("kb", {"d1#1.0", "d1#2.1"}, 0, PublicOnly()));
  ASSERT_THAT(chunks, SizeIs(1));
  EXPECT_EQ(chunks[0].chunk.chunk.text, "庚");
  ASSERT_OK(store_->DeleteDocument("kb", "d1", PublicOnly()));
  ASSERT_OK_AND_ASSIGN(chunks, store_->GetChunks("kb", {"d1#2.1"}, 0, Everything()));
  EXPECT_THAT(chunks, IsEmpty());
}

TEST_F(KnowledgeStoreTest, ChunkIdsThatAreNoneAreRefused) {
  for (const char* id : {"", "d1", "d1#1", "d1#.0", "d1#1.", "d1.1#0", "d1#1.-1", "d1#x.0"}) {
    EXPECT_STATUS(store_->GetChunks("kb", {id}, 0, PublicOnly()), kInvalidArgument, "no chunk id");
  }
  EXPECT_STATUS(store_->GetChunks("kb", {}, 17, PublicOnly()), kInvalidArgument, "0 to 16");
  EXPECT_STATUS(store_->GetChunks("kb", std::vector<std::string>(101, "d1#1.0"), 0, PublicOnly()),
                kInvalidArgument, "at most 100");
  EXPECT_STATUS(store_->GetChunks("none", {"d1#1.0"}, 0, PublicOnly()), kNotFound, "none");
}

TEST_F(KnowledgeStoreTest, ReadersAndWritersSideBySide) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const StatusOr<SearchResult> result = store_->Search("kb", "轮换的文字", 50, PublicOnly());
        ASSERT_OK(result);
        // A version is all there or not at all: two chunks each, of one version.
        std::map<std::string, std::set<int32_t>> versions;
        for (const SearchHit& hit : result->hits) {
          versions[hit.document_id].insert(hit.document_version);
        }
        for (const auto& [id, seen] : versions) EXPECT_THAT(seen, SizeIs(1)) << id;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    const std::string id = "d" + std::to_string(i % 4);
    const std::string text = "轮换的文字" + std::to_string(i);
    ASSERT_OK(store_->AddDocument("kb", MakeDocument(id, {text, text + "乙"})));
    if (i % 7 == 6) {
      ASSERT_OK(store_->DeleteDocument("kb", id, Everything()));
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace hadal::retrieval
