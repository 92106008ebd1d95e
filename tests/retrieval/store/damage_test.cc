// What a damaged, torn or foreign store does: a clear error, never a crash, never a silent hole.

#include <filesystem>
#include <fstream>
#include <random>

#include "retrieval/store/database.h"
#include "retrieval/store/records.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;

class DamageTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    for (int i = 0; i < 12; ++i) {
      const std::string text = "第" + std::to_string(i) + "条 检修内容";
      ASSERT_OK(
          store_->AddDocument("kb", MakeDocument("d" + std::to_string(i), {text, text + "乙"})));
    }
    store_.reset();
    Reopen();  // the log of the first run becomes table files
    store_.reset();
  }

  std::unique_ptr<Database> OpenDatabase() {
    StatusOr<std::unique_ptr<Database>> database = Database::Open({options_.path, 0});
    EXPECT_OK(database);
    return database.ok() ? *std::move(database) : nullptr;
  }

  Status OpenStatus() {
    const auto opened = KnowledgeStore::Open(options_, embedder_, clock_);
    return opened.status();
  }
};

TEST_F(DamageTest, AValueUnderAnotherKeyIsNotBelieved) {
  {
    const auto database = OpenDatabase();
    ASSERT_OK_AND_ASSIGN(const std::string value, database->Get(Table::kChunks, ChunkKey(0, 3)));
    Database::Batch batch;
    batch.Delete(Table::kChunks, ChunkKey(0, 2));
    batch.Put(Table::kChunks, ChunkKey(0, 2), value);  // sealed for its key, yet another's record
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kDataLoss, "chunk 2");
}

TEST_F(DamageTest, AMissingChunkIsNoticed) {
  {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Delete(Table::kChunks, ChunkKey(0, 5));
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kDataLoss, "lacks chunk 5");
}

TEST_F(DamageTest, AMissingVectorIsNoticed) {
  {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Delete(Table::kVectors, VectorKey(0, 5));
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kDataLoss, "lacks the vector of chunk 5");
}

TEST_F(DamageTest, AnOrphanIsNoticed) {
  {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Delete(Table::kDocuments, DocumentKey(0, "d3"));
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kDataLoss, "belongs to no document");
}

TEST_F(DamageTest, AVectorOfAnotherSizeIsNoticed) {
  {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Put(Table::kVectors, VectorKey(0, 4), EncodeVector({1.0f, 2.0f}));
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kDataLoss, "a vector has 8 bytes");
}

TEST_F(DamageTest, APendingKeyThatFitsNoDocumentIsNoticed) {
  const auto put = [this](uint64_t first_chunk, uint64_t embedded) {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Put(Table::kMeta, PendingKey(0, first_chunk), EncodeCounter(embedded));
    ASSERT_OK(database->Commit(batch));
  };
  put(4, 2);  // chunks 4 and 5 are one document
  EXPECT_STATUS(OpenStatus(), kDataLoss, "pending with 2 of 2");
  put(4, 1);
  EXPECT_OK(OpenStatus());
  put(5, 0);
  EXPECT_STATUS(OpenStatus(), kDataLoss, "pending key of chunk 5");
}

TEST_F(DamageTest, ANewerLayoutIsRefused) {
  {
    const auto database = OpenDatabase();
    Database::Batch batch;
    batch.Put(Table::kMeta, FormatKey(), "4");
    ASSERT_OK(database->Commit(batch));
  }
  EXPECT_STATUS(OpenStatus(), kFailedPrecondition, "layout version 4");
}

// Every kind of file, bits flipped at places that a fixed seed picks: either the store opens with
// every document whole (the bit was in unused bytes) or it says what is wrong.
TEST_F(DamageTest, FlippedBitsAreFoundOrHarmless) {
  const std::string pristine = folder_->path() + "/pristine";
  fs::copy(options_.path, pristine, fs::copy_options::recursive);
  std::mt19937 random(42);
  int refused = 0;
  int harmless = 0;
  for (const auto& entry : fs::directory_iterator(pristine)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || entry.file_size() == 0 || name == "LOCK") continue;
    for (int round = 0; round < 4; ++round) {
      fs::remove_all(options_.path);
      fs::copy(pristine, options_.path, fs::copy_options::recursive);
      const uint64_t offset = random() % entry.file_size();
      {
        std::fstream file(options_.path + "/" + name,
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        const char byte = static_cast<char>(file.get() ^ (1 << (random() % 8)));
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(byte);
      }
      const auto opened = KnowledgeStore::Open(options_, embedder_, clock_);
      if (!opened.ok()) {
        ++refused;
        EXPECT_FALSE(StatusMessage(opened.status()).empty());
        continue;
      }
      ++harmless;
      const auto bases = (*opened)->ListBases();
      ASSERT_EQ(bases.size(), 1u) << name << " offset " << offset;
      EXPECT_EQ(bases.front().documents, 12) << name << " offset " << offset;
      EXPECT_EQ(bases.front().chunks, 24) << name << " offset " << offset;
      EXPECT_OK((*opened)->Search("kb", "检修", 24, Everything()));
    }
  }
  std::printf("refused %d, harmless %d\n", refused, harmless);
  EXPECT_GT(refused, 0);
}

TEST_F(DamageTest, ATruncatedTableIsRefused) {
  int tables = 0;
  for (const auto& entry : fs::directory_iterator(options_.path)) {
    if (entry.path().extension() != ".sst") continue;
    ++tables;
    fs::resize_file(entry.path(), entry.file_size() / 2);
  }
  ASSERT_GT(tables, 0);
  const Status status = OpenStatus();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << StatusMessage(status);
}

TEST_F(DamageTest, AMissingTableIsRefused) {
  int tables = 0;
  for (const auto& entry : fs::directory_iterator(options_.path)) {
    if (entry.path().extension() == ".sst" && tables++ == 0) fs::remove(entry.path());
  }
  ASSERT_GT(tables, 0);
  const Status status = OpenStatus();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << StatusMessage(status);
}

}  // namespace
}  // namespace hadal::retrieval
