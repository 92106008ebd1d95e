#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "hadal/v1/knowledge.pb.h"
#include "retrieval/chunker.h"
#include "retrieval/clean/text_folder.h"
#include "retrieval/knowledge_store.h"
#include "retrieval/token_counter.h"
#include "services/parser/parser_pool.h"

namespace hadal::retrieval_service {

struct IngestOptions {
  int64_t max_document_bytes = int64_t{64} << 20;
  int64_t max_chunks_per_document = 100'000;
  retrieval::ChunkerOptions chunker;
};

/// What became of a file.
struct IngestOutcome {
  StatusOr<v1::AddDocumentResponse> response;
  std::optional<retrieval::UploadTask> again;  ///< the file is kept and wants another attempt
};

/// A file's way into a knowledge base: kept, parsed in the sandbox, cut into chunks, embedded,
/// written. A file that cannot be taken is an answer with a reason, not an error; it stays, with
/// the reason, until it is deleted, replaced or asked to be read again. Thread-safe.
class Ingest {
 public:
  /// `folder` is for fields and signatures.
  Ingest(IngestOptions options, std::shared_ptr<parser::ParserPool> pool,
         std::shared_ptr<const retrieval::TextFolder> folder);

  /// What can be said of the header before any byte of the file has come. INVALID_ARGUMENT for a
  /// missing or unknown classification, or a name or title that is too long or no UTF-8.
  Status CheckHeader(const v1::DocumentHeader& header) const;

  /// Returns when the document is searchable, or refused with a reason. From the moment the file is
  /// kept an error is not the end of it: `again` is for whoever tries again. `tokens` counts as the
  /// store's embedding model does.
  IngestOutcome Add(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                    const v1::DocumentHeader& header, const std::string& content) const;

  /// The same for a file that the store keeps already. CANCELLED when it was deleted, replaced or
  /// given up meanwhile.
  IngestOutcome Resume(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                       const retrieval::UploadTask& task) const;

  /// The answer to a file that is too big; Add() gives the same.
  v1::AddDocumentResponse TooLarge(const v1::DocumentHeader& header) const;

  const IngestOptions& options() const { return options_; }
  const retrieval::TextFolder& folder() const { return *folder_; }

 private:
  /// One attempt.
  IngestOutcome Read(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                     const retrieval::UploadTask& task, const std::string& content) const;
  /// An answer, or an error that is not the file's fault.
  StatusOr<v1::AddDocumentResponse> TryRead(retrieval::KnowledgeStore& store,
                                            retrieval::TokenCounter& tokens,
                                            const retrieval::UploadTask& task,
                                            const std::string& content) const;

  const IngestOptions options_;
  const std::string settings_;  // names what a reading depends on
  const std::shared_ptr<parser::ParserPool> pool_;
  const std::shared_ptr<const retrieval::TextFolder> folder_;
};

/// Bounds the bytes of all files being received. Thread-safe.
class UploadBudget {
 public:
  explicit UploadBudget(int64_t bytes) : free_(bytes) {}

  /// One upload's share; given back when it goes.
  class Share {
   public:
    explicit Share(UploadBudget& budget) : budget_(budget) {}
    ~Share() { budget_.GiveBack(bytes_); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    /// RESOURCE_EXHAUSTED when all uploads together would hold too much.
    Status Grow(int64_t bytes);

   private:
    UploadBudget& budget_;
    int64_t bytes_ = 0;
  };

 private:
  bool Take(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void GiveBack(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;
  int64_t free_ ABSL_GUARDED_BY(mu_);
};

}  // namespace hadal::retrieval_service
