#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hadal/internal/v1/retrieval.grpc.pb.h"
#include "retrieval/knowledge_store.h"
#include "services/retrieval/ingest.h"
#include "services/retrieval/upload_queue.h"

namespace hadal::retrieval_service {

/// hadal.internal.v1.Retrieval over a KnowledgeStore. UNAVAILABLE until Serve(). Thread-safe.
class RetrievalService final : public internal::v1::Retrieval::Service {
 public:
  /// `snapshot_folder`: where snapshots go; empty: none are made.
  RetrievalService(std::shared_ptr<const Ingest> ingest, int64_t max_buffered_bytes,
                   std::string snapshot_folder = "")
      : ingest_(std::move(ingest)),
        budget_(max_buffered_bytes),
        uploads_(ingest_),
        snapshot_folder_(std::move(snapshot_folder)) {}

  /// `tokens` counts as the store's embedding model does.
  void Serve(std::shared_ptr<retrieval::KnowledgeStore> store,
             std::shared_ptr<retrieval::TokenCounter> tokens) ABSL_LOCKS_EXCLUDED(mu_);
  /// Back to UNAVAILABLE; calls that run keep the store until they end.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::Status CreateKnowledgeBase(grpc::ServerContext* context,
                                   const v1::CreateKnowledgeBaseRequest* request,
                                   v1::KnowledgeBase* response) override;
  grpc::Status ListKnowledgeBases(grpc::ServerContext* context,
                                  const v1::ListKnowledgeBasesRequest* request,
                                  v1::ListKnowledgeBasesResponse* response) override;
  grpc::Status DeleteKnowledgeBase(grpc::ServerContext* context,
                                   const v1::DeleteKnowledgeBaseRequest* request,
                                   v1::DeleteKnowledgeBaseResponse* response) override;
  grpc::Status AddDocument(grpc::ServerContext* context,
                           grpc::ServerReader<v1::AddDocumentRequest>* reader,
                           v1::AddDocumentResponse* response) override;
  grpc::Status ListDocuments(grpc::ServerContext* context,
                             const internal::v1::ListDocumentsRequest* request,
                             v1::ListDocumentsResponse* response) override;
  grpc::Status DeleteDocument(grpc::ServerContext* context,
                              const internal::v1::DeleteDocumentRequest* request,
                              v1::DeleteDocumentResponse* response) override;
  grpc::Status Search(grpc::ServerContext* context, const internal::v1::SearchRequest* request,
                      internal::v1::SearchResponse* response) override;
  grpc::Status UpdateKnowledgeBase(grpc::ServerContext* context,
                                   const v1::UpdateKnowledgeBaseRequest* request,
                                   v1::KnowledgeBase* response) override;
  grpc::Status ListVersions(grpc::ServerContext* context,
                            const internal::v1::ListVersionsRequest* request,
                            v1::ListVersionsResponse* response) override;
  grpc::Status ReparseDocument(grpc::ServerContext* context,
                               const internal::v1::ReparseDocumentRequest* request,
                               v1::ReparseDocumentResponse* response) override;
  grpc::Status PurgeDeleted(grpc::ServerContext* context, const v1::PurgeDeletedRequest* request,
                            v1::PurgeDeletedResponse* response) override;
  grpc::Status VerifyDeleted(grpc::ServerContext* context, const v1::VerifyDeletedRequest* request,
                             v1::VerifyDeletedResponse* response) override;
  grpc::Status ExportKnowledgeBase(
      grpc::ServerContext* context, const v1::ExportKnowledgeBaseRequest* request,
      grpc::ServerWriter<v1::ExportKnowledgeBaseResponse>* writer) override;
  grpc::Status ImportKnowledgeBase(grpc::ServerContext* context,
                                   grpc::ServerReader<v1::ImportKnowledgeBaseRequest>* reader,
                                   v1::KnowledgeBase* response) override;
  grpc::Status Snapshot(grpc::ServerContext* context, const v1::CreateSnapshotRequest* request,
                        v1::CreateSnapshotResponse* response) override;
  grpc::Status GetStats(grpc::ServerContext* context, const internal::v1::GetStatsRequest* request,
                        v1::KnowledgeBaseStats* response) override;
  grpc::Status ListNearDuplicates(grpc::ServerContext* context,
                                  const internal::v1::ListNearDuplicatesRequest* request,
                                  v1::ListNearDuplicatesResponse* response) override;
  grpc::Status GetChunks(grpc::ServerContext* context,
                         const internal::v1::GetChunksRequest* request,
                         internal::v1::GetChunksResponse* response) override;

 private:
  StatusOr<std::shared_ptr<retrieval::KnowledgeStore>> Store() const ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<retrieval::TokenCounter> Tokens() const ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<v1::AddDocumentResponse> Receive(grpc::ServerContext& context,
                                            grpc::ServerReader<v1::AddDocumentRequest>& reader);
  /// Lets the queue read what waits, where `chosen` says so.
  Status Enqueue(const retrieval::KnowledgeStore& store,
                 const std::function<bool(const retrieval::UploadTask&)>& chosen);

  const std::shared_ptr<const Ingest> ingest_;
  UploadBudget budget_;
  UploadQueue uploads_;
  const std::string snapshot_folder_;

  mutable absl::Mutex mu_;
  std::shared_ptr<retrieval::KnowledgeStore> store_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<retrieval::TokenCounter> tokens_
      ABSL_GUARDED_BY(mu_);  // null before store_ is set
};

}  // namespace hadal::retrieval_service
