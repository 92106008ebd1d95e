#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "retrieval/document.h"
#include "retrieval/embedder.h"
#include "retrieval/value_cipher.h"

namespace hadal::retrieval {

struct KnowledgeStoreOptions {
  std::string path;  ///< folder, created when absent
  int32_t max_documents_per_page = 1000;
  int64_t max_chunks_per_document = 100'000;
  /// A document of more chunks is visible, by its words, before it is embedded.
  int64_t embed_first_chunks = 128;
  int64_t min_free_bytes = int64_t{256} << 20;  ///< writes stop below it, before the disk is full
  std::shared_ptr<ValueCipher> cipher;          ///< null: nothing is encrypted
};

struct AddResult {
  int32_t version = 0;
  int32_t chunks = 0;
  int32_t pending_chunks = 0;  ///< of them, without a vector yet
  bool unchanged = false;      ///< same bytes and label were there: nothing was written
};

struct DocumentPage {
  std::vector<DocumentInfo> documents;
  std::string next_page_token;
};

/// Knowledge bases over RocksDB, the only truth, with FAISS and BM25 derived from it. An OK from a
/// writing call is durable (fsync) and visible to the next search. A reader sees what his
/// AccessFilter allows; the rest does not exist for him. A thread of the store makes the vectors of
/// large documents after they are visible, across restarts, and tries again for as long as the
/// embedder fails. Thread-safe.
class KnowledgeStore {
 public:
  /// Opens the store and catches the indexes up from it. DATA_LOSS naming the key on a bad
  /// checksum; FAILED_PRECONDITION when a base was built with another embedding model.
  static StatusOr<std::unique_ptr<KnowledgeStore>> Open(const KnowledgeStoreOptions& options,
                                                        std::shared_ptr<Embedder> embedder,
                                                        std::shared_ptr<const Clock> clock);
  virtual ~KnowledgeStore() = default;

  virtual StatusOr<KnowledgeBaseInfo> CreateBase(const std::string& id,
                                                 const std::string& description) = 0;
  virtual std::vector<KnowledgeBaseInfo> ListBases() const = 0;
  /// The key of an encrypted base is destroyed first, on its own and durably: whatever happens to
  /// the rest, nobody reads it again in this store. A failure after that leaves the base unknown;
  /// another call, or the next opening, deletes the rest.
  virtual StatusOr<int64_t> DeleteBase(const std::string& id) = 0;

  /// Embeds the chunks and writes document, chunks, vectors, postings and label in one batch. A
  /// document of more than `embed_first_chunks` is written without vectors, to be embedded in the
  /// background. A document of the same id is replaced as a new version.
  virtual StatusOr<AddResult> AddDocument(const std::string& base, const NewDocument& document) = 0;
  virtual StatusOr<int32_t> DeleteDocument(const std::string& base, const std::string& document_id,
                                           const AccessFilter& filter) = 0;
  virtual StatusOr<DocumentInfo> GetDocument(const std::string& base,
                                             const std::string& document_id,
                                             const AccessFilter& filter) const = 0;
  virtual StatusOr<DocumentPage> ListDocuments(const std::string& base, const AccessFilter& filter,
                                               int32_t page_size,
                                               const std::string& page_token) const = 0;

  /// The best `top_k` chunks the filter allows, filtered inside both channels and checked again
  /// after them.
  virtual StatusOr<SearchResult> Search(const std::string& base, const std::string& query,
                                        int32_t top_k, const AccessFilter& filter) = 0;
  /// Chunks by their ids, each with up to `neighbours` (at most 16) chunks of its section on each
  /// side. What is gone, replaced, or not open to `filter` is left out; no embedder is asked.
  virtual StatusOr<std::vector<ChunkInPlace>> GetChunks(const std::string& base,
                                                        const std::vector<std::string>& chunk_ids,
                                                        int32_t neighbours,
                                                        const AccessFilter& filter) const = 0;
};

}  // namespace hadal::retrieval
