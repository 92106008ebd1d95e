#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status.h"
#include "retrieval/document.h"
#include "retrieval/embedder.h"
#include "retrieval/value_cipher.h"

namespace rocksdb {
class Env;
}

namespace hadal::retrieval {

struct KnowledgeStoreOptions {
  std::string path;  ///< folder, created when absent
  /// Folder of the bases' indexes, one below it each; empty: they stay in memory. What is in it is
  /// derived: it may be deleted while no store has it open.
  std::string index_folder;
  int64_t index_seal_chunks = 131'072;  ///< so many chunks go into a file
  /// Between two looks at whether index files are to be written.
  absl::Duration index_pause = absl::Seconds(2);
  std::string chunker;  ///< ChunkerFingerprint(): index files of another one are made anew
  int32_t max_documents_per_page = 1000;
  int64_t max_chunks_per_document = 100'000;
  /// A document of more chunks is visible, by its words, before it is embedded.
  int64_t embed_first_chunks = 128;
  int64_t min_free_bytes = int64_t{256} << 20;  ///< writes stop below it, before the disk is full
  std::shared_ptr<ValueCipher> cipher;          ///< null: nothing is encrypted
  int32_t max_attempts = 3;                     ///< to read one file, before it is given up
  rocksdb::Env* env = nullptr;                  ///< for tests that let the disk fail
};

struct AddResult {
  int32_t version = 0;
  int32_t chunks = 0;
  int32_t pending_chunks = 0;  ///< of them, without a vector yet
  bool unchanged = false;      ///< same bytes and label were there: nothing was written
  bool relabelled = false;     ///< same text: label, dates or settings changed, no chunk did
};

struct ReceiveResult {
  uint64_t upload = 0;               ///< names what is to be read now; 0: nothing is
  std::optional<AddResult> current;  ///< the version that the file is already
};

/// A received file whose turn it is.
struct UploadTask {
  std::string base;
  UploadInfo upload;
};

struct AttemptFailure {
  enum class Kind : uint8_t {
    kRefused,     ///< another attempt would end the same: the upload is given up
    kFailed,      ///< given up after `max_attempts` of these
    kNotItsFault  ///< of something else that was not there: does not count
  };
  Kind kind = Kind::kRefused;
  std::string reason_code;
  std::string reason;
};

/// A field that a document must have, compared in normalized form.
struct FieldMatch {
  std::string name;
  std::string value;  ///< normalized
};

struct SearchOptions {
  int32_t top_k = 10;
  std::vector<FieldMatch> fields;  ///< all of them; none: every document
  /// What was in force then, among the versions that are kept; 0: now.
  int64_t as_of_unix_ms = 0;
};

struct ListOptions {
  int32_t page_size = 0;  ///< 0: 100
  std::string page_token;
  std::vector<FieldMatch> fields;  ///< then only documents that have a version
  /// kVisible: documents that have a version; others: those with an upload in this state.
  std::optional<DocumentState> state;
};

struct DocumentPage {
  std::vector<DocumentInfo> documents;
  std::string next_page_token;
};

/// What a deletion took away.
struct DeletionReceipt {
  std::string knowledge_base;
  std::string document_id;  ///< empty: the whole base
  uint64_t sequence = 0;    ///< names the receipt
  int64_t removed_unix_ms = 0;
  std::vector<int32_t> versions;
  int64_t documents = 0;  ///< of a whole base
  int64_t chunks = 0;
  std::vector<std::string> file_sha256;  ///< whose bytes went too: no other document has them
  /// Of the files on the disk: from this one on nothing of it is left. Purge() makes the next one.
  uint64_t gone_at_generation = 0;
  uint64_t index_generation = 0;  ///< of the base's index files when it went; 0: it has none
};

/// What a base holds of the documents that were counted.
struct BaseStats {
  int64_t documents = 0;  ///< that have a version
  int64_t versions = 0;   ///< of them, older ones included
  int64_t chunks = 0;     ///< of these versions
  int64_t chunks_pending = 0;
  int64_t file_bytes = 0;                               ///< each file once
  std::map<Classification, int64_t> by_classification;  ///< documents, by their newest version
  std::map<DocumentState, int64_t> uploads;             ///< files that are no version (yet)
  KnowledgeBaseInfo base;                               ///< its counts are of all documents
  std::string embedding_model;
  int32_t embedding_dim = 0;
  int64_t index_files = 0;
  int64_t index_dead_slots = 0;  ///< removed chunks that files still hold
  uint64_t index_generation = 0;
  int64_t index_live_chunks = 0;
};

struct NearDuplicate {
  DocumentInfo document;
  DocumentInfo like;  ///< the most similar of those before it, in the order of their ids
  double similarity = 0;
};

struct NearDuplicates {
  std::vector<NearDuplicate> duplicates;  ///< the most similar first
  int64_t found = 0;                      ///< these, and those beyond `max_results`
};

struct DeletionCheck {
  bool gone = false;
  uint64_t generation = 0;           ///< of the files on the disk
  std::vector<std::string> remains;  ///< where something of it still stands
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
  /// Of documents that change from now on, so many older versions stay; 0: none.
  virtual Status SetKeepVersions(const std::string& base, int32_t versions) = 0;
  /// The key of an encrypted base is destroyed first, on its own and durably: whatever happens to
  /// the rest, nobody reads it again in this store. A failure after that leaves the base unknown;
  /// another call, or the next opening, deletes the rest.
  virtual StatusOr<DeletionReceipt> DeleteBase(const std::string& id) = 0;

  /// Keeps the bytes of a file, durably, as an upload of its document that is still to be read; an
  /// upload that waits already is replaced. A file that is the newest version already (same bytes,
  /// label, title, dates and `settings`) changes nothing.
  virtual StatusOr<ReceiveResult> Receive(const std::string& base, const ReceivedFile& file,
                                          std::string_view content,
                                          const std::string& settings) = 0;
  /// Makes the newest version's file an upload again, to be read with other settings or programs.
  /// FAILED_PRECONDITION where no file is kept. A failed upload gets its attempts anew.
  virtual StatusOr<uint64_t> Reparse(const std::string& base, const std::string& document_id,
                                     const AccessFilter& filter) = 0;
  /// The uploads that wait, oldest first; what was interrupted among them.
  virtual StatusOr<std::vector<UploadTask>> WaitingUploads() const = 0;
  /// Counts an attempt, durably, before it begins: what ends the process is counted too. False when
  /// the upload is gone, replaced or given up: all attempts are spent.
  virtual StatusOr<bool> BeginAttempt(const std::string& base, const std::string& document_id,
                                      uint64_t upload) = 0;
  /// How far it is, for those who ask; not kept.
  virtual void SetProgress(uint64_t upload, DocumentState state) = 0;
  /// The attempt failed. The upload waits for the next one, or stays as failed. OK too when the
  /// upload is gone.
  virtual Status FailAttempt(const std::string& base, const std::string& document_id,
                             uint64_t upload, const AttemptFailure& failure) = 0;
  /// The bytes of a file that a document of the base has.
  virtual StatusOr<std::string> ReadFile(const std::string& base,
                                         const std::string& sha256) const = 0;

  /// Embeds the chunks and writes document, chunks, vectors, postings and label in one batch. A
  /// document of more than `embed_first_chunks` is written without vectors, to be embedded in the
  /// background. A document of the same id is replaced as a new version; the same chunks under
  /// another label, dates or settings stay the same version. CANCELLED when `document.upload` was
  /// deleted or replaced meanwhile.
  virtual StatusOr<AddResult> AddDocument(const std::string& base, const NewDocument& document) = 0;
  virtual StatusOr<DeletionReceipt> DeleteDocument(const std::string& base,
                                                   const std::string& document_id,
                                                   const AccessFilter& filter) = 0;
  virtual StatusOr<DocumentInfo> GetDocument(const std::string& base,
                                             const std::string& document_id,
                                             const AccessFilter& filter) const = 0;
  /// Newest first. An older version is for those who may read it and the newest one.
  virtual StatusOr<std::vector<DocumentInfo>> ListVersions(const std::string& base,
                                                           const std::string& document_id,
                                                           const AccessFilter& filter) const = 0;
  virtual StatusOr<DocumentPage> ListDocuments(const std::string& base, const AccessFilter& filter,
                                               const ListOptions& options) const = 0;
  StatusOr<DocumentPage> ListDocuments(const std::string& base, const AccessFilter& filter,
                                       int32_t page_size, const std::string& page_token) const {
    return ListDocuments(base, filter, ListOptions{page_size, page_token, {}, std::nullopt});
  }

  /// Counts what `filter` opens; nullopt: all there is. Takes as long as reading every record.
  virtual StatusOr<BaseStats> Stats(const std::string& base,
                                    const std::optional<AccessFilter>& filter) const = 0;
  /// Documents whose text is nearly another one's, among those that `filter` opens and by their
  /// newest versions. RESOURCE_EXHAUSTED for more documents than one look compares: 1.1 KB each.
  virtual StatusOr<NearDuplicates> FindNearDuplicates(const std::string& base,
                                                      double least_similarity, int32_t max_results,
                                                      const AccessFilter& filter) const = 0;

  /// The best chunks the filter allows, filtered inside both channels and checked again after them.
  virtual StatusOr<SearchResult> Search(const std::string& base, const std::string& query,
                                        const SearchOptions& options,
                                        const AccessFilter& filter) = 0;
  StatusOr<SearchResult> Search(const std::string& base, const std::string& query, int32_t top_k,
                                const AccessFilter& filter) {
    return Search(base, query, SearchOptions{top_k, {}, 0}, filter);
  }

  /// Chunks by their ids, each with up to `neighbours` (at most 16) chunks of its section on each
  /// side. What is gone, replaced, or not open to `filter` is left out; no embedder is asked.
  virtual StatusOr<std::vector<ChunkInPlace>> GetChunks(const std::string& base,
                                                        const std::vector<std::string>& chunk_ids,
                                                        int32_t neighbours,
                                                        const AccessFilter& filter) const = 0;

  /// Rewrites the files on the disk so that nothing is left in them of what was deleted before;
  /// their new generation.
  virtual StatusOr<uint64_t> Purge() = 0;
  /// NOT_FOUND when there is no such receipt.
  virtual StatusOr<DeletionReceipt> FindReceipt(uint64_t sequence) const = 0;
  /// Looks for what the receipt names, and for `text` when given, in the database and in every file
  /// of it on the disk.
  virtual StatusOr<DeletionCheck> VerifyDeleted(uint64_t sequence,
                                                const std::string& text) const = 0;

  /// A store of the same content in `folder`, which must not exist: the state of one moment, while
  /// reading and writing go on. It opens like any other.
  virtual Status Snapshot(const std::string& folder) const = 0;
  /// One base as a stream of bytes, the state of one moment: documents, versions, chunks, vectors
  /// and files. A non-OK status of `write` ends it. Memory: one record.
  using WritePart = std::function<Status(std::string_view part)>;
  virtual Status Export(const std::string& base, const WritePart& write) const = 0;
  /// Makes the base `id` of a stream that Export() wrote. `read` gives the next part, an empty one
  /// at the end. DATA_LOSS for a stream that is damaged or cut short, FAILED_PRECONDITION for one
  /// of another embedding model; nothing of it stays then.
  using ReadPart = std::function<StatusOr<std::string>()>;
  virtual StatusOr<KnowledgeBaseInfo> Import(const std::string& id, const ReadPart& read) = 0;
};

}  // namespace hadal::retrieval
