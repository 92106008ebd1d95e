#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hadal/internal/v1/retrieval.grpc.pb.h"
#include "retrieval/knowledge_store.h"
#include "services/retrieval/ingest.h"

namespace hadal::retrieval_service {

/// hadal.internal.v1.Retrieval over a KnowledgeStore. UNAVAILABLE until Serve(). Thread-safe.
class RetrievalService final : public internal::v1::Retrieval::Service {
 public:
  RetrievalService(std::shared_ptr<const Ingest> ingest, int64_t max_buffered_bytes)
      : ingest_(std::move(ingest)), budget_(max_buffered_bytes) {}

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
  grpc::Status GetChunks(grpc::ServerContext* context,
                         const internal::v1::GetChunksRequest* request,
                         internal::v1::GetChunksResponse* response) override;

 private:
  StatusOr<std::shared_ptr<retrieval::KnowledgeStore>> Store() const ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<retrieval::TokenCounter> Tokens() const ABSL_LOCKS_EXCLUDED(mu_);
  StatusOr<v1::AddDocumentResponse> Receive(grpc::ServerContext& context,
                                            grpc::ServerReader<v1::AddDocumentRequest>& reader);

  const std::shared_ptr<const Ingest> ingest_;
  UploadBudget budget_;

  mutable absl::Mutex mu_;
  std::shared_ptr<retrieval::KnowledgeStore> store_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<retrieval::TokenCounter> tokens_
      ABSL_GUARDED_BY(mu_);  // null before store_ is set
};

}  // namespace hadal::retrieval_service
