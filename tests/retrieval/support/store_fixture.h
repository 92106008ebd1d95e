#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/file.h"
#include "retrieval/knowledge_store.h"
#include "tests/retrieval/support/fake_embedder.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {

inline AccessFilter Everything() {
  return {Classification::kSecret, {"alpha", "beta"}, {"ops", "hr", "red", "blue"}};
}
inline AccessFilter PublicOnly() { return {Classification::kPublic, {}, {}}; }

inline NewDocument MakeDocument(const std::string& id, const std::vector<std::string>& texts,
                                Label label = {Classification::kPublic, {}, {}}) {
  NewDocument document;
  document.id = id;
  document.title = "title of " + id;
  document.file_name = id + ".txt";
  document.format = "text";
  document.label = std::move(label);
  for (const std::string& text : texts) {
    document.sha256 += text;
    Chunk chunk;
    chunk.text = text;
    chunk.start = document.characters;
    document.characters += static_cast<int64_t>(text.size());
    chunk.end = document.characters;
    chunk.page = 1;
    chunk.language = "zh";
    document.chunks.push_back(chunk);
  }
  document.text_sha256 = "text of " + document.sha256;
  return document;
}

/// A store in a temporary folder with a base "kb".
class StoreFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create("store"));
    options_.path = folder_->path() + "/knowledge";
    options_.index_folder = folder_->path() + "/index";
    options_.min_free_bytes = 0;
    Reopen();
    ASSERT_OK(store_->CreateBase("kb", "a base"));
  }

  void Reopen() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(store_, KnowledgeStore::Open(options_, embedder_, clock_));
  }

  std::vector<std::string> Texts(const std::string& query, const AccessFilter& filter,
                                 int32_t k = 10) {
    const StatusOr<SearchResult> result = store_->Search("kb", query, k, filter);
    EXPECT_OK(result);
    std::vector<std::string> texts;
    if (!result.ok()) return texts;
    EXPECT_TRUE(result->complete);
    for (const SearchHit& hit : result->hits) texts.push_back(hit.chunk.text);
    return texts;
  }

  /// Chunks of the document that have no vector yet.
  int32_t Pending(const std::string& id) {
    const StatusOr<DocumentInfo> info = store_->GetDocument("kb", id, Everything());
    EXPECT_OK(info);
    return info.ok() ? info->pending_chunks : -1;
  }

  /// Waits for the background thread, for half a minute at most.
  void WaitUntilPending(const std::string& id, int32_t chunks) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (Pending(id) != chunks && absl::Now() < end) absl::SleepFor(absl::Milliseconds(2));
    ASSERT_EQ(Pending(id), chunks) << id;
  }

  std::unique_ptr<TempDir> folder_;
  KnowledgeStoreOptions options_;
  std::shared_ptr<FakeEmbedder> embedder_ = std::make_shared<FakeEmbedder>();
  std::shared_ptr<FakeClock> clock_ =
      std::make_shared<FakeClock>(absl::FromUnixSeconds(1'800'000'000));
  std::unique_ptr<KnowledgeStore> store_;
};

}  // namespace hadal::retrieval
