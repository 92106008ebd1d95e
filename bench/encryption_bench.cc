// What encryption costs a store: adding documents, opening and searching, with and without, with
// vectors that cost nothing to make. A real embedder takes some thousand times longer than either.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "auth/crypto/master_key_source.h"
#include "base/check.h"
#include "base/file.h"
#include "retrieval/knowledge_store.h"
#include "services/retrieval/key_ring_cipher.h"

namespace hadal::retrieval_service {
namespace {

constexpr int32_t kDim = 384;
constexpr int kChunks = 20;
constexpr int kDocuments = 100;

/// Unit vectors of two numbers, from the text's length.
class QuickEmbedder final : public retrieval::Embedder {
 public:
  std::string model_id() const override { return "quick"; }
  int32_t dim() const override { return kDim; }
  StatusOr<std::vector<float>> EmbedPassages(const std::vector<std::string>& texts,
                                             retrieval::EmbedPriority) override {
    std::vector<float> vectors(texts.size() * kDim);
    for (size_t i = 0; i < texts.size(); ++i) {
      vectors[i * kDim + texts[i].size() % kDim] = 0.6f;
      vectors[i * kDim + (texts[i].size() + 1) % kDim] = 0.8f;
    }
    return vectors;
  }
  StatusOr<std::vector<float>> EmbedQuery(const std::string& query) override {
    return EmbedPassages({query}, retrieval::EmbedPriority::kForeground);
  }
};

retrieval::NewDocument Document(int number) {
  retrieval::NewDocument document;
  document.id = "d" + std::to_string(number);
  document.title = "规程" + document.id;
  document.sha256 = document.id;
  document.label = {retrieval::Classification::kPublic, {}, {}};
  for (int i = 0; i < kChunks; ++i) {
    retrieval::Chunk chunk;
    while (chunk.text.size() < 1000) {
      chunk.text += fmt::format("第{}条 检修期间不得合闸{}。", i, number * kChunks + i);
    }
    document.chunks.push_back(chunk);
  }
  return document;
}

/// A store of its own folder; `encryption` empty: none.
struct Store {
  std::unique_ptr<TempDir> folder = *TempDir::Create("encryption_bench");
  EncryptionOptions encryption;
  retrieval::KnowledgeStoreOptions options;
  std::unique_ptr<retrieval::KnowledgeStore> store;

  explicit Store(std::optional<auth::AeadAlgorithm> algorithm) {
    encryption.algorithm = algorithm;
    encryption.master_key = "file:" + folder->path() + "/key";
    CHECK_OK(auth::NewMasterKeyFile(folder->path() + "/key"));
    options.path = folder->path() + "/store";
    Open();
    CHECK_OK(store->CreateBase("kb", ""));
  }
  void Open() {
    store.reset();
    options.cipher = encryption.algorithm ? *KeyRingCipher::Create(encryption) : nullptr;
    store = *retrieval::KnowledgeStore::Open(options, std::make_shared<QuickEmbedder>(),
                                             std::make_shared<SystemClock>());
  }
  void Add(int number) { CHECK_OK(store->AddDocument("kb", Document(number))); }
};

using Algorithm = std::optional<auth::AeadAlgorithm>;

void BM_AddDocument(benchmark::State& state, Algorithm algorithm) {
  Store store(algorithm);
  int number = 0;
  for (auto _ : state) store.Add(number++);
  state.SetItemsProcessed(state.iterations() * kChunks);
}

void BM_OpenStore(benchmark::State& state, Algorithm algorithm) {
  Store store(algorithm);
  for (int i = 0; i < kDocuments; ++i) store.Add(i);
  for (auto _ : state) store.Open();
  state.SetItemsProcessed(state.iterations() * kDocuments * kChunks);
}

void BM_Search(benchmark::State& state, Algorithm algorithm) {
  Store store(algorithm);
  for (int i = 0; i < kDocuments; ++i) store.Add(i);
  const retrieval::AccessFilter filter = {retrieval::Classification::kSecret, {}, {}};
  for (auto _ : state) {
    const auto result = store.store->Search("kb", "检修期间 合闸 77", 10, filter);
    CHECK(result.ok() && result->hits.size() == 10);
  }
}

#define HADAL_WITH_AND_WITHOUT(name)                                                            \
  BENCHMARK_CAPTURE(name, plain, std::nullopt)->Unit(benchmark::kMillisecond);                  \
  BENCHMARK_CAPTURE(name, aes, auth::AeadAlgorithm::kAes256Gcm)->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(name, sm4, auth::AeadAlgorithm::kSm4Gcm)->Unit(benchmark::kMillisecond)
HADAL_WITH_AND_WITHOUT(BM_AddDocument);
HADAL_WITH_AND_WITHOUT(BM_OpenStore);
HADAL_WITH_AND_WITHOUT(BM_Search);

}  // namespace
}  // namespace hadal::retrieval_service

BENCHMARK_MAIN();
