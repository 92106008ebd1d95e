// Stores of the older layouts, written here record by record as their programs wrote them.

#include <filesystem>

#include "hadal/store/v1/document.pb.h"
#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class LayoutTest : public StoreFixture {
 protected:
  /// One base of two documents and a tombstone, as layout 1 had them: no field above 16.
  void WriteOldStore(const std::string& version) {
    store_.reset();
    options_.path = folder_->path() + "/old";
    ASSERT_OK_AND_ASSIGN(const auto database, Database::Open({options_.path, 0}));
    Database::Batch batch;
    batch.Put(Table::kMeta, FormatKey(), version);
    batch.Put(Table::kMeta, SequenceKey(), EncodeCounter(9));
    batch.Put(Table::kMeta, NextBaseKey(), EncodeCounter(1));
    store::v1::KnowledgeBaseRecord base;
    base.set_id("kb");
    base.set_created_unix_ms(1000);
    base.set_embedding_model("fake-1");
    base.set_embedding_dim(32);
    batch.Put(Table::kMeta, BaseKey("kb"), base.SerializeAsString());
    batch.Put(Table::kMeta, NextChunkKey(0), EncodeCounter(3));
    PutDocument("a", 2, {"变压器的油温", "检修周期"}, 0, batch);
    PutDocument("b", 1, {"红色灯亮时停机"}, 2, batch);
    store::v1::DocumentRecord tombstone;
    tombstone.set_id("gone");
    tombstone.set_version(4);
    tombstone.set_sequence_number(8);
    tombstone.set_removed_unix_ms(5000);
    batch.Put(Table::kDocuments, DocumentKey(0, "gone"), tombstone.SerializeAsString());
    if (version == "2") {
      batch.Put(Table::kMeta, PendingKey(0, 0), EncodeCounter(1));
      batch.Delete(Table::kVectors, VectorKey(0, 1));
    }
    ASSERT_OK(database->Commit(batch));
  }

  void PutDocument(const std::string& id, int32_t version, const std::vector<std::string>& texts,
                   uint64_t first, Database::Batch& batch) {
    const NewDocument document = MakeDocument(id, texts);
    store::v1::DocumentRecord record;
    record.set_id(id);
    record.set_version(version);
    record.set_title(document.title);
    record.set_file_name(document.file_name);
    record.set_format(document.format);
    record.mutable_label()->set_classification(v1::CLASSIFICATION_PUBLIC);
    record.set_sha256(document.sha256);
    record.set_text_sha256(document.text_sha256);
    record.set_characters(document.characters);
    record.set_added_unix_ms(2000);
    record.set_first_chunk_number(first);
    record.set_num_chunks(static_cast<int32_t>(texts.size()));
    record.set_sequence_number(7);
    batch.Put(Table::kDocuments, DocumentKey(0, id), record.SerializeAsString());
    for (size_t i = 0; i < texts.size(); ++i) {
      store::v1::ChunkRecord chunk = RecordOfChunk(document.chunks[i]);
      chunk.set_number(first + i);
      chunk.set_document_id(id);
      chunk.set_document_version(version);
      chunk.set_ordinal(static_cast<int32_t>(i));
      batch.Put(Table::kChunks, ChunkKey(0, first + i), chunk.SerializeAsString());
      batch.Put(Table::kVectors, VectorKey(0, first + i),
                EncodeVector(embedder_->Embed(PassageText(document.title, document.chunks[i]))));
    }
  }

  std::string Format() {
    store_.reset();
    const auto database = Database::Open({options_.path, 0});
    EXPECT_OK(database);
    return *(*database)->Get(Table::kMeta, FormatKey());
  }
};

TEST_F(LayoutTest, OlderStoresAreReadAndLifted) {
  for (const char* version : {"1", "2"}) {
    WriteOldStore(version);
    Reopen();
    for (int round = 0; round < 2; ++round) {
      ASSERT_OK_AND_ASSIGN(const DocumentPage page,
                           store_->ListDocuments("kb", Everything(), 0, ""));
      ASSERT_THAT(page.documents, SizeIs(2));
      EXPECT_EQ(page.documents[0].version, 2);
      EXPECT_TRUE(page.documents[0].in_force);
      EXPECT_FALSE(page.documents[0].has_file);
      EXPECT_EQ(Texts("检修周期", PublicOnly()).front(), "检修周期");
      WaitUntilPending("a", 0);
      Reopen();
    }
    // The same content is the same version still, and a deleted one's number is not given again.
    ASSERT_OK_AND_ASSIGN(AddResult added,
                         store_->AddDocument("kb", MakeDocument("b", {"红色灯亮时停机"})));
    EXPECT_TRUE(added.unchanged);
    ASSERT_OK_AND_ASSIGN(added, store_->AddDocument("kb", MakeDocument("gone", {"再来"})));
    EXPECT_EQ(added.version, 5);
    ASSERT_OK_AND_ASSIGN(added, store_->AddDocument("kb", MakeDocument("b", {"绿色灯亮"})));
    EXPECT_EQ(added.version, 2);
    EXPECT_THAT(Texts("灯亮", Everything()).front(), "绿色灯亮");
    EXPECT_EQ(Format(), "3");
    std::filesystem::remove_all(options_.path);
  }
}

TEST_F(LayoutTest, AStoreIsNewFromTheStart) { EXPECT_EQ(Format(), "3"); }

}  // namespace
}  // namespace hadal::retrieval
