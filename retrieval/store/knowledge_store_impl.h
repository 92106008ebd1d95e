#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hadal/store/v1/document.pb.h"
#include "retrieval/index/base_index.h"
#include "retrieval/knowledge_store.h"
#include "retrieval/rank/tokens.h"
#include "retrieval/store/database.h"
#include "retrieval/store/pending_vectors.h"

namespace hadal::retrieval {

/// Words of the two answers that must not tell an absent thing from a hidden one.
Status UnknownBase(const std::string& id);
Status UnknownDocument(const std::string& id);

/// One knowledge base in memory.
struct Base {
  store::v1::KnowledgeBaseRecord record;
  std::shared_ptr<BaseIndex> index;
  int64_t documents = 0;
  int64_t chunks = 0;
};

/// KnowledgeStore over Database (the truth) and one BaseIndex a base (derived). Writers are ordered
/// by write_mu_; the slow part of a write, embedding, runs under no lock. What is embedded after it
/// became visible stands in pending_, which changes with the database, under write_mu_; one thread
/// works it off. Thread-safe.
class KnowledgeStoreImpl final : public KnowledgeStore {
 public:
  KnowledgeStoreImpl(KnowledgeStoreOptions options, std::unique_ptr<Database> database,
                     std::unique_ptr<Tokenizer> tokenizer, std::shared_ptr<Embedder> embedder,
                     std::shared_ptr<const Clock> clock)
      : options_(std::move(options)),
        database_(std::move(database)),
        tokenizer_(std::move(tokenizer)),
        embedder_(std::move(embedder)),
        clock_(std::move(clock)) {}
  ~KnowledgeStoreImpl() override;

  /// Reads the database, then starts the background thread.
  Status Load() ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  StatusOr<KnowledgeBaseInfo> CreateBase(const std::string& id,
                                         const std::string& description) override;
  std::vector<KnowledgeBaseInfo> ListBases() const override;
  StatusOr<int64_t> DeleteBase(const std::string& id) override;
  StatusOr<AddResult> AddDocument(const std::string& base, const NewDocument& document) override;
  StatusOr<int32_t> DeleteDocument(const std::string& base, const std::string& document_id,
                                   const AccessFilter& filter) override;
  StatusOr<DocumentInfo> GetDocument(const std::string& base, const std::string& document_id,
                                     const AccessFilter& filter) const override;
  StatusOr<DocumentPage> ListDocuments(const std::string& base, const AccessFilter& filter,
                                       int32_t page_size,
                                       const std::string& page_token) const override;
  StatusOr<SearchResult> Search(const std::string& base, const std::string& query, int32_t top_k,
                                const AccessFilter& filter) override;
  StatusOr<std::vector<ChunkInPlace>> GetChunks(const std::string& base,
                                                const std::vector<std::string>& chunk_ids,
                                                int32_t neighbours,
                                                const AccessFilter& filter) const override;

 private:
  struct Prepared {
    std::vector<float> vectors;  // none: to be made in the background
    std::vector<TermCounts> terms;
  };

  Status ReadAll() ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  /// A copy: the record and a share of the index.
  StatusOr<Base> FindBase(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Gives a new base its key, where the store encrypts.
  Status CreateDataKey(store::v1::KnowledgeBaseRecord& base, Database::Batch& batch);
  /// Before anything of the base is read. True when its key was wrapped, and written, anew.
  StatusOr<bool> LoadDataKey(store::v1::KnowledgeBaseRecord& base);
  /// Leaves the record, durably, without its key and marked as one that is being deleted.
  Status DestroyDataKey(store::v1::KnowledgeBaseRecord& base);
  /// Deletes the base; one that is being deleted too. Documents it had.
  StatusOr<int64_t> EraseBase(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  /// What follows DestroyDataKey(): the key's last traces, then the content.
  Status FinishErasing(const store::v1::KnowledgeBaseRecord& base)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// Everything that belongs to the base, its record too.
  Status DropContent(const store::v1::KnowledgeBaseRecord& base)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// Puts the layout version into `batch` unless the store has it, or a later one, already.
  Status RaiseFormat(std::string_view version, Database::Batch& batch);
  Status CheckModel(const store::v1::KnowledgeBaseRecord& base) const;
  Status CheckNewDocument(const NewDocument& document) const;
  /// The record, tombstones included; nullopt when the id was never used.
  StatusOr<std::optional<store::v1::DocumentRecord>> FindRecord(
      uint32_t base, const std::string& document_id) const;
  /// The live record, when `filter` opens it; NOT_FOUND otherwise.
  StatusOr<store::v1::DocumentRecord> FindReadable(uint32_t base, const std::string& document_id,
                                                   const AccessFilter& filter) const;
  StatusOr<Prepared> Prepare(const std::string& base, const NewDocument& document);
  /// One finite vector for each passage.
  StatusOr<std::vector<float>> Embed(const std::vector<std::string>& passages,
                                     EmbedPriority priority);
  StatusOr<AddResult> Write(const std::string& base_id, const Base& base,
                            const NewDocument& document, const Prepared& prepared)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  /// nullopt when the chunk is gone or no longer open to `filter`.
  StatusOr<std::optional<SearchHit>> LoadHit(uint32_t base, const Candidate& candidate,
                                             const AccessFilter& filter) const;
  /// A chunk of a document that the reader may see; nullopt when it is gone.
  StatusOr<std::optional<SearchHit>> LoadChunk(uint32_t base, const DocumentInfo& document,
                                               uint64_t first_chunk_number, int32_t ordinal) const;
  static void PutVectors(uint32_t base, const ChunkRange& range, absl::Span<const float> vectors,
                         Database::Batch& batch);
  /// Takes the chunks, the vectors and the pending key of a live version out of the database.
  static ChunkRange RemoveChunks(uint32_t base,
                                 const std::optional<store::v1::DocumentRecord>& record,
                                 Database::Batch& batch);
  /// How many of the live version's chunks have no vector yet.
  int32_t PendingChunks(uint32_t base, const store::v1::DocumentRecord& record) const;
  StatusOr<DocumentInfo> Describe(uint32_t base, const store::v1::DocumentRecord& record) const;
  KnowledgeBaseInfo Describe(const Base& base) const;
  AddResult Unchanged(uint32_t base, const store::v1::DocumentRecord& record) const;

  /// The background thread, until pending_ is stopped.
  void EmbedPending();
  /// The next chunks of `document`. OK too when it went meanwhile.
  Status EmbedBatch(const PendingDocument& document) ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  StatusOr<std::vector<std::string>> ReadPassages(const PendingDocument& document,
                                                  const ChunkRange& range) const;

  StatusOr<uint64_t> NextSequence(Database::Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  StatusOr<uint64_t> ReadCounter(const std::string& key) const;
  int64_t NowMs() const { return absl::ToUnixMillis(clock_->Now()); }

  // Constant after construction; each provides its own synchronization.
  const KnowledgeStoreOptions options_;
  const std::unique_ptr<Database> database_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const std::shared_ptr<Embedder> embedder_;
  const std::shared_ptr<const Clock> clock_;
  PendingVectors pending_;  // changes under write_mu_ only

  // Orders all writes, so that database and indexes change in the same order.
  absl::Mutex write_mu_;
  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(write_mu_);
  std::map<std::string, Base> bases_ ABSL_GUARDED_BY(mu_);

  std::thread background_;  // started by Load(), joined by the destructor
};

}  // namespace hadal::retrieval
