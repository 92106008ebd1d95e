#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
#include "retrieval/store/loader.h"
#include "retrieval/store/pending_vectors.h"
#include "retrieval/store/timetable.h"

namespace hadal::retrieval {

/// Words of the two answers that must not tell an absent thing from a hidden one.
Status UnknownBase(const std::string& id);
Status UnknownDocument(const std::string& id);

Status CheckBaseId(const std::string& id);
Status CheckDocumentId(const std::string& id);
Status CheckDates(int64_t effective_unix_ms, int64_t expires_unix_ms);
bool HasFields(const store::v1::DocumentRecord& record, absl::Span<const FieldMatch> fields);

/// One knowledge base in memory.
struct Base {
  store::v1::KnowledgeBaseRecord record;
  std::shared_ptr<BaseIndex> index;
  int64_t documents = 0;  ///< that have a version
  int64_t chunks = 0;     ///< of all versions kept
};

StatusOr<uint64_t> ReadCounterOf(const DatabaseReader& database, const std::string& key);

/// A document with its versions, newest first, or a tombstone.
struct StoredDocument {
  std::vector<store::v1::DocumentRecord> versions;
  int32_t last_version = 0;  ///< the highest number ever given
  const store::v1::DocumentRecord* newest() const {
    return versions.empty() ? nullptr : &versions.front();
  }
};

/// What changes together, on its way into one batch, and what follows once it is committed.
struct StoreChange {
  Database::Batch batch;
  std::map<std::string, int64_t> file_users;  ///< by digest: how many more records name the file
  std::vector<std::string> removed_files;     ///< nobody names them any more; set by Commit()
  std::vector<ChunkRange> removed;            ///< numbers that are gone: dropped or given anew
  std::vector<PendingDocument> pending;       ///< to be embedded from now on
  std::optional<uint64_t> next_chunk;         ///< once numbers were taken
  int64_t documents = 0;                      ///< more than before
  int64_t chunks = 0;
};

/// A version's chunks as the index takes them.
struct IndexFeed {
  Label label;
  std::vector<IndexedChunk> chunks;
  std::vector<float> vectors;  ///< of the first chunks; of all but while some are pending
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
  Status SetKeepVersions(const std::string& base, int32_t versions) override;
  StatusOr<DeletionReceipt> DeleteBase(const std::string& id) override;
  StatusOr<ReceiveResult> Receive(const std::string& base, const ReceivedFile& file,
                                  std::string_view content, const std::string& settings) override
      ABSL_LOCKS_EXCLUDED(file_mu_, write_mu_);
  StatusOr<uint64_t> Reparse(const std::string& base, const std::string& document_id,
                             const AccessFilter& filter) override;
  StatusOr<std::vector<UploadTask>> WaitingUploads() const override;
  StatusOr<bool> BeginAttempt(const std::string& base, const std::string& document_id,
                              uint64_t upload) override;
  void SetProgress(uint64_t upload, DocumentState state) override;
  Status FailAttempt(const std::string& base, const std::string& document_id, uint64_t upload,
                     const AttemptFailure& failure) override;
  StatusOr<std::string> ReadFile(const std::string& base, const std::string& sha256) const override;
  StatusOr<AddResult> AddDocument(const std::string& base, const NewDocument& document) override;
  StatusOr<DeletionReceipt> DeleteDocument(const std::string& base, const std::string& document_id,
                                           const AccessFilter& filter) override;
  StatusOr<DocumentInfo> GetDocument(const std::string& base, const std::string& document_id,
                                     const AccessFilter& filter) const override;
  StatusOr<std::vector<DocumentInfo>> ListVersions(const std::string& base,
                                                   const std::string& document_id,
                                                   const AccessFilter& filter) const override;
  StatusOr<DocumentPage> ListDocuments(const std::string& base, const AccessFilter& filter,
                                       const ListOptions& options) const override;
  StatusOr<BaseStats> Stats(const std::string& base,
                            const std::optional<AccessFilter>& filter) const override;
  StatusOr<NearDuplicates> FindNearDuplicates(const std::string& base, double least_similarity,
                                              int32_t max_results,
                                              const AccessFilter& filter) const override
      ABSL_LOCKS_EXCLUDED(duplicates_mu_);
  StatusOr<SearchResult> Search(const std::string& base, const std::string& query,
                                const SearchOptions& options, const AccessFilter& filter) override;
  StatusOr<std::vector<ChunkInPlace>> GetChunks(const std::string& base,
                                                const std::vector<std::string>& chunk_ids,
                                                int32_t neighbours,
                                                const AccessFilter& filter) const override;
  StatusOr<uint64_t> Purge() override ABSL_LOCKS_EXCLUDED(purge_mu_, write_mu_);
  StatusOr<DeletionReceipt> FindReceipt(uint64_t sequence) const override;
  StatusOr<DeletionCheck> VerifyDeleted(uint64_t sequence, const std::string& text) const override;
  Status Snapshot(const std::string& folder) const override;
  Status Export(const std::string& base, const WritePart& write) const override;
  StatusOr<KnowledgeBaseInfo> Import(const std::string& id, const ReadPart& read) override;

 private:
  using DocumentRecord = store::v1::DocumentRecord;
  using UploadRecord = store::v1::UploadRecord;
  struct Prepared {
    std::vector<float> vectors;  // none: to be made in the background
    std::vector<TermCounts> terms;
    int64_t embed_ms = 0;
  };

  // knowledge_store.cc: opening and bases.
  Status ReadAll() ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  Status RaiseFormat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// From now on the base is there.
  void Publish(store::v1::KnowledgeBaseRecord record, LoadedBase loaded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  /// A copy: the record and a share of the index.
  StatusOr<Base> FindBase(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Gives a new base its key, where the store encrypts.
  Status CreateDataKey(store::v1::KnowledgeBaseRecord& base);
  /// Before anything of the base is read. True when its key was wrapped, and written, anew.
  StatusOr<bool> LoadDataKey(store::v1::KnowledgeBaseRecord& base);
  /// Leaves the record, durably, without its key and marked as one that is being deleted.
  Status DestroyDataKey(store::v1::KnowledgeBaseRecord& base);
  /// Deletes the base; one that is being deleted too.
  StatusOr<DeletionReceipt> EraseBase(const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  /// The last traces of a key that was destroyed, then everything that belongs to the base, its
  /// record too.
  StatusOr<DeletionReceipt> DropContent(const Base& base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  KnowledgeBaseInfo Describe(const Base& base) const;
  StatusOr<uint32_t> NumberOfBase(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);
  Status CheckModel(const store::v1::KnowledgeBaseRecord& base) const;
  static void DropBase(uint32_t number, Database::Batch& batch);

  // documents.cc: reading.
  /// The newest record, tombstones included; nullopt when there never was a version.
  StatusOr<std::optional<DocumentRecord>> FindRecord(uint32_t base,
                                                     const std::string& document_id) const;
  /// The record of one version; nullopt when it is not kept.
  StatusOr<std::optional<DocumentRecord>> FindVersion(uint32_t base, const std::string& document_id,
                                                      int32_t version) const;
  /// What was made secret since is secret in its older versions too: whether the newest version
  /// opens a superseded one.
  StatusOr<bool> NewestAllows(uint32_t base, const DocumentRecord& version,
                              const AccessFilter& filter) const;
  StatusOr<StoredDocument> FindDocument(uint32_t base, const std::string& document_id) const;
  StatusOr<std::optional<UploadRecord>> FindUpload(uint32_t base,
                                                   const std::string& document_id) const;
  /// How many of the version's chunks have no vector yet.
  int32_t PendingChunks(uint32_t base, const DocumentRecord& record) const;
  StatusOr<DocumentInfo> Describe(uint32_t base, const DocumentRecord& record) const;
  StatusOr<UploadInfo> Describe(const UploadRecord& record) const ABSL_LOCKS_EXCLUDED(progress_mu_);
  /// What `filter` opens of one document: its newest version, its upload; nullopt: nothing.
  StatusOr<std::optional<DocumentInfo>> Describe(uint32_t base,
                                                 const std::optional<DocumentRecord>& record,
                                                 const std::optional<UploadRecord>& upload,
                                                 const AccessFilter& filter) const;

  // add_document.cc: a new version.
  Status CheckNewDocument(const NewDocument& document) const;
  /// Whether the stored version holds these very chunks.
  StatusOr<bool> SameReading(uint32_t base, const DocumentRecord& stored,
                             const NewDocument& document) const;
  StatusOr<Prepared> Prepare(const std::string& base, const NewDocument& document);
  /// One finite vector for each passage.
  StatusOr<std::vector<float>> Embed(const std::vector<std::string>& passages,
                                     EmbedPriority priority);
  StatusOr<AddResult> Write(const std::string& base_id, const NewDocument& document,
                            const std::optional<Prepared>& prepared)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  StatusOr<AddResult> WriteVersion(const Base& base, const NewDocument& document,
                                   const Prepared& prepared, int32_t attempts,
                                   StoredDocument stored, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  StatusOr<AddResult> Relabel(const Base& base, const NewDocument& document, StoredDocument stored,
                              StoreChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// CANCELLED unless `document.upload` is still the one that waits; takes it out. The attempts
  /// that it took.
  StatusOr<int32_t> TakeUpload(uint32_t base, const NewDocument& document, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  // document_change.cc: what every change of a document goes through.
  static void PutVectors(uint32_t base, const ChunkRange& range, absl::Span<const float> vectors,
                         Database::Batch& batch);
  /// Takes a version's chunks, vectors, pending key and its claim on its file out.
  static void DropVersion(uint32_t base, const DocumentRecord& version, StoreChange& change);
  /// Writes the records of `stored`, dropping what is kept no longer.
  void PutVersions(const Base& base, StoredDocument& stored, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// What stands in the index of the document now.
  ChunkRange IndexedRange(uint32_t base, const StoredDocument& stored) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// Commits `stored` and brings the index in line. `before`: what the index holds of the document.
  /// `fresh`: chunks of versions.front() that have just got their numbers.
  Status CommitDocument(const Base& base, StoredDocument stored, ChunkRange before,
                        const IndexFeed* fresh, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  /// `removed` leaves the index and the feed comes in.
  static void FeedIndex(const IndexFeed& feed, ChunkRange removed, const Base& base);
  /// Commits; files that nothing names any more go with it.
  Status Commit(const Base& base, StoreChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<uint64_t> TakeChunkNumbers(uint32_t base, uint64_t count, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// The index takes ascending numbers only: a version that comes (back) into force gets new ones.
  StatusOr<IndexFeed> Renumber(const Base& base, DocumentRecord& version, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  /// Dates that have come since the last look.
  Status ApplyDates() ABSL_LOCKS_EXCLUDED(write_mu_, mu_);

  // uploads.cc, files.cc: files that were received.
  Status PutUpload(uint32_t base, const UploadRecord& record, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  StatusOr<int64_t> FileUsers(uint32_t base, const std::string& sha256) const;
  /// The pieces of a file that nothing names yet, behind an unfinished mark.
  Status PutPieces(uint32_t base, const std::string& sha256, std::string_view content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(file_mu_);
  static void DropPieces(uint32_t base, const std::string& sha256, Database::Batch& batch);
  /// Of the batch's change: the counters, and the pieces of files that nobody names any more.
  Status CountFileUsers(uint32_t base, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  Status DropUnfinished() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  // search.cc
  StatusOr<std::shared_ptr<BaseIndex>> IndexAsOf(const Base& base, int64_t as_of_ms)
      ABSL_LOCKS_EXCLUDED(as_of_mu_);
  StatusOr<SearchResult> SearchIndex(const BaseIndex& index, uint32_t base, const IndexQuery& query,
                                     const SearchOptions& options, const AccessFilter& filter,
                                     bool& hits_vanished) const;
  struct LoadedHit {
    std::optional<SearchHit> hit;
    bool gone = false;  ///< deleted, or no longer open to the reader, since the index was asked
  };
  StatusOr<LoadedHit> LoadHit(uint32_t base, const Candidate& candidate,
                              const SearchOptions& options, const AccessFilter& filter) const;

  // get_chunks.cc
  /// nullopt when the chunk is gone: its version was dropped meanwhile.
  StatusOr<std::optional<SearchHit>> LoadChunk(uint32_t base, const DocumentInfo& document,
                                               uint64_t number) const;

  // import.cc
  StatusOr<uint32_t> BeginImport(const std::string& id, uint64_t& sequence)
      ABSL_LOCKS_EXCLUDED(write_mu_);
  StatusOr<store::v1::KnowledgeBaseRecord> ReadImport(uint32_t number, uint64_t sequence,
                                                      const ReadPart& read);
  StatusOr<KnowledgeBaseInfo> FinishImport(store::v1::KnowledgeBaseRecord record)
      ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  Status RenameUploads(uint32_t base, Database::Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  Status DropUnfinishedImports() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  // background_embedding.cc
  /// The background thread, until pending_ is stopped.
  void EmbedPending();
  /// The next chunks of `document`. OK too when it went meanwhile.
  Status EmbedBatch(const PendingDocument& document) ABSL_LOCKS_EXCLUDED(write_mu_, mu_);
  StatusOr<std::vector<std::string>> ReadPassages(const PendingDocument& document,
                                                  const ChunkRange& range) const;

  // index_files.cc
  /// Of the base's index with its files; they are of use up to the store's next chunk number.
  StatusOr<BaseIndexOptions> IndexOptions(const store::v1::KnowledgeBaseRecord& base) const;
  /// Empty: this store keeps its indexes in memory.
  std::string IndexFolder(uint32_t base) const;
  void RemoveIndexFolder(uint32_t base) const;
  /// After `base.index` wrote files: true when the base was deleted meanwhile; they are gone then.
  bool RemoveIndexIfGone(const Base& base) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Folders of bases that are not there any more.
  Status RemoveStrayIndexes() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Base> Bases() const ABSL_LOCKS_EXCLUDED(mu_);
  /// The second background thread, until pending_ is stopped.
  void MaintainIndexes() ABSL_LOCKS_EXCLUDED(mu_);
  Status PurgeIndexes() ABSL_LOCKS_EXCLUDED(mu_);
  /// Whether files of the index hold what the receipt names: says where.
  std::vector<std::string> FindIndexRemains(const store::v1::ReceiptRecord& receipt) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // receipts.cc
  StatusOr<DeletionReceipt> PutReceipt(store::v1::ReceiptRecord record, StoreChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  StatusOr<store::v1::ReceiptRecord> ReadReceipt(uint64_t sequence) const;

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

  // One file at a time is written, so that no other goes away under it.
  absl::Mutex file_mu_ ABSL_ACQUIRED_BEFORE(write_mu_);
  // Orders all writes, so that database and indexes change in the same order.
  mutable absl::Mutex write_mu_;
  Timetable timetable_;  // changes under write_mu_ only
  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(write_mu_);
  std::map<std::string, Base> bases_ ABSL_GUARDED_BY(mu_);

  absl::Mutex purge_mu_ ABSL_ACQUIRED_BEFORE(write_mu_);  // one purge at a time
  bool purging_ ABSL_GUARDED_BY(write_mu_) = false;

  // How far the uploads are that are being read.
  mutable absl::Mutex progress_mu_;
  std::map<uint64_t, DocumentState> progress_ ABSL_GUARDED_BY(progress_mu_);

  // One look for near duplicates at a time: it takes memory.
  mutable absl::Mutex duplicates_mu_;

  // The index of the last question about another time.
  struct AsOf {
    uint32_t base = 0;
    int64_t as_of_ms = 0;
    uint64_t sequence = 0;
    std::shared_ptr<BaseIndex> index;
  };
  absl::Mutex as_of_mu_;
  AsOf as_of_ ABSL_GUARDED_BY(as_of_mu_);

  // Started by Load(), joined by the destructor.
  std::thread background_;
  std::thread maintenance_;
};

}  // namespace hadal::retrieval
